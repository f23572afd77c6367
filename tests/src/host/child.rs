//! The host's program as a child process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::watch;

use gloveport::config::fault::VARIABLE;

use super::ADMIN_KEY;
use crate::programs;

/// A running child. It is killed when this is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    output: watch::Sender<Streams>,
    pub(super) address: SocketAddr,
}

/// What came through each of a child's two streams. They are kept apart: a line of one may come in pieces, with one of
/// the other in between.
type Streams = [Vec<u8>; 2];

impl Child {
    /// Starts the host on a data folder with more options, and waits until it says where it listens.
    pub(super) async fn start(data: &Path, options: &[&str], fault: Option<&str>) -> Self {
        let mut process = Command::new(programs::gloveport())
            .args(["serve", "--listen", "127.0.0.1:0", "--allow-private-network", "127.0.0.0/8", "--data"])
            .arg(data)
            .args(options)
            .env("GLOVEPORT_ADMIN_KEY", ADMIN_KEY)
            .envs(fault.map(|fault| (VARIABLE, fault)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the host's program starts");
        let output = watch::Sender::new(Streams::default());
        let mut said = output.subscribe();
        let streams = [
            tokio::spawn(keep(process.stdout.take(), 0, output.clone())),
            tokio::spawn(keep(process.stderr.take(), 1, output.clone())),
        ];
        let ended = async move {
            for stream in streams {
                // A reader that was aborted has nothing more to say either.
                let _ = stream.await;
            }
        };
        tokio::select! {
            _ = said.wait_for(|said| said.iter().any(|said| listening(said).is_some())) => {}
            () = ended => panic!("the host ended: {}", String::from_utf8_lossy(&output.borrow().concat())),
        }
        let address = output.borrow().iter().find_map(|said| listening(said)).expect("it was there a moment ago");
        Self { process, output, address }
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends it at once (SIGKILL), and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        self.process.kill().await.expect("an own child can be killed");
    }

    /// Asks it to stop (SIGTERM), as an operator would.
    pub(super) async fn terminate(&self) {
        let id = self.id().expect("a child that was not waited for has an id");
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "an own child can be told to stop");
    }

    /// Its exit code, once it has ended; `None` if a signal ended it.
    pub(super) async fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().await.expect("an own child can be waited for").code()
    }

    /// Everything that it wrote: to the one stream, then to the other.
    pub(super) fn output(&self) -> Vec<u8> {
        self.output.borrow().concat()
    }
}

async fn keep(stream: Option<impl AsyncRead + Unpin>, at: usize, output: watch::Sender<Streams>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        output.send_modify(|all| all[at].extend_from_slice(&buffer[..n]));
    }
}

/// The first loopback address with a port in what the host said, in a line that has ended.
fn listening(said: &[u8]) -> Option<SocketAddr> {
    let said = String::from_utf8_lossy(said);
    let (lines, _) = said.rsplit_once('\n')?;
    lines.match_indices("127.0.0.1:").find_map(|(at, _)| {
        let rest = &lines[at..];
        let end = rest.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '.' | ':'))).unwrap_or(rest.len());
        rest[..end].trim_end_matches(['.', ':']).parse().ok().filter(|address: &SocketAddr| address.port() != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn the_address_is_found_in_what_the_host_says() {
        for (said, port) in [
            ("", None),
            ("listening on http://127.0.0.1:70", None),
            ("allowing 127.0.0.0/8\n", None),
            ("asked for 127.0.0.1:0\n", None),
            ("listening on http://127.0.0.1:7070\n", Some(7070)),
            ("asked for 127.0.0.1:0\nlistening on 127.0.0.1:81.\nmore", Some(81)),
            ("{\"address\":\"127.0.0.1:82\"}\n", Some(82)),
        ] {
            assert_eq!(listening(said.as_bytes()).map(|address| address.port()), port, "{said:?}");
        }
    }
}
