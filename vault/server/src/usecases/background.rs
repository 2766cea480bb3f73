//! Long work that nobody waits for, such as a drill: it has the processor while nobody else wants it.

use std::thread;

use super::failure::Failure;
use super::keeper::{blocking, lost};

/// The greatest niceness.
const LEAST_URGENT: i32 = 19;

/// Runs on a thread of its own that gives way to all others.
pub(super) async fn in_background<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let thread = thread::Builder::new().name(name.to_owned());
    let gives_way = move || {
        // Linux counts it for each thread, and for those that it begins. Where it is refused, the work is done all the same.
        let _refused = rustix::process::nice(LEAST_URGENT);
        work()
    };
    blocking(move || {
        let begun = thread.spawn(gives_way).map_err(|error| Failure::Internal { what: error.to_string() })?;
        begun.join().map_err(|_| lost())?
    })
    .await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn it_gives_way_and_nothing_else_does() {
        let niceness = || Ok(rustix::process::getpriority_process(None).unwrap());
        let before = blocking(niceness).await.unwrap();
        assert_eq!(in_background("test", niceness).await.unwrap(), LEAST_URGENT);
        assert_eq!(blocking(niceness).await.unwrap(), before);
    }

    #[tokio::test]
    async fn work_that_panics_is_lost_and_no_more() {
        let failed = in_background::<()>("test", || panic!("as wanted")).await;
        assert!(matches!(failed, Err(Failure::Internal { .. })));
    }
}
