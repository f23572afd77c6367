//! The planted credential, and the failure of a test in which it is found.

pub use gloveport::demo::canary::Canary;

/// Fails when the credential is in `bytes`.
///
/// # Panics
///
/// Then, with the label, the form, and what stands around it.
#[track_caller]
pub fn assert_absent(canary: &Canary, label: &str, bytes: &[u8]) {
    if let Some(leak) = canary.leak(label, bytes) {
        panic!("{leak}");
    }
}
