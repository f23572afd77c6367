//! Packages of others are installed by one test at a time: two that install the same into one folder leave half of each.

use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this program installs anything. Who has waited looks again whether there is anything left
/// to install.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}
