//! Work that goes on to its end although whoever waited for it went away.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Runs in place of its caller; dropped before its end, it goes on as a task.
///
/// A task from the start would be simpler, and would cost each call two changes of thread, which are more than making
/// an instance.
pub(super) struct ToEnd<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>>,
    running: TaskTracker,
    /// Makes a stopping host wait for work in place, too.
    _token: TaskTrackerToken,
}

impl<F: Future<Output: Send> + Send + 'static> ToEnd<F> {
    /// Work that `running` counts until its end.
    pub(super) fn new(running: TaskTracker, work: F) -> Self {
        let token = running.token();
        Self { work: Some(Box::pin(AssertUnwindSafe(work).catch_unwind())), running, _token: token }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToEnd<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = self.work.as_mut() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToEnd<F> {
    fn drop(&mut self) {
        // Without a runtime, the process is at its end, and the record says that the outcome is not known.
        if let Some(work) = self.work.take()
            && let Ok(runtime) = Handle::try_current()
        {
            self.running.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_is_dropped_goes_on_and_is_waited_for() {
        let running = TaskTracker::new();
        let (go, wait) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let mut work = Box::pin(ToEnd::new(running.clone(), async move {
            wait.await.unwrap();
            done.send(()).unwrap();
        }));
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        running.close();
        drop(work);
        assert!(!running.is_empty(), "a stopping host waits for it");
        go.send(()).unwrap();
        running.wait().await;
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_ends_gives_its_result_and_a_panic_is_caught() {
        let running = TaskTracker::new();
        assert_eq!(ToEnd::new(running.clone(), async { 7 }).await.unwrap(), 7);
        assert!(ToEnd::new(running.clone(), async { panic!("planned") }).await.is_err());
        assert!(running.is_empty());
    }
}
