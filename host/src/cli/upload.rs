//! The upload of a component, with a bar for a person who waits: the host compiles within the request.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::CliError;
use super::client::{Answer, Body, Client, Query};

/// Bytes handed to the connection at once: small enough that the bar moves, large enough to cost nothing.
const CHUNK: usize = 64 * 1024;
/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Uploads the component in `file`, showing progress on standard error if that is a terminal.
///
/// # Errors
///
/// When the file cannot be read or the host refuses it.
pub(super) async fn install(client: &Client, file: &Path, query: Query<'_>) -> Result<Answer, CliError> {
    let bytes = tokio::fs::read(file).await.map_err(|source| CliError::File { path: file.into(), source })?;
    let length = bytes.len();
    let bar = bar(file, length);
    let answer = client.upload(&["v1", "connectors"], query, body(bytes.into(), bar.clone()), length).await;
    bar.finish_and_clear();
    answer
}

fn bar(file: &Path, length: usize) -> ProgressBar {
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {prefix}  {bytes}/{total_bytes} {bar:30} {msg}"));
    bar.set_prefix(file.display().to_string());
    bar.set_message("uploading");
    bar.enable_steady_tick(TICK);
    bar
}

/// A body that moves the bar as it is taken, and turns it into a spinner once all of it is on its way.
fn body(bytes: Bytes, bar: ProgressBar) -> Body {
    let size = HumanBytes(bytes.len() as u64).to_string();
    Body::wrap_stream(stream::unfold(bytes, move |mut rest| {
        let (bar, size) = (bar.clone(), size.clone());
        async move {
            if rest.is_empty() {
                return None;
            }
            let chunk = rest.split_to(rest.len().min(CHUNK));
            bar.inc(chunk.len() as u64);
            if rest.is_empty() {
                bar.set_style(style("{spinner} {prefix}  {msg}  {elapsed}"));
                bar.set_message(format!("compiling {size}"));
            }
            Some((Ok::<_, Infallible>(chunk), rest))
        }
    }))
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; if one were wrong, a plain bar would do as well.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
