//! Threads of tracer's own. The hooks see them as they see everybody, and on older kernels a
//! thread records its exit only after it has woken whoever joins it. Owns the wait for the end
//! that the kernel sees.

use std::thread;

use rustix::process::{Pid, test_kill_process};
use rustix::thread::gettid;

/// What a thread came to, and which thread it was.
pub struct Ended<T> {
    thread: Pid,
    value: T,
}

/// `work`, for a thread of its own, whose result tells which thread it was.
pub fn named<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> Ended<T> {
    || Ended {
        thread: gettid(),
        value: work(),
    }
}

impl<T> Ended<T> {
    /// The result, once the kernel has let go of the thread, and all that it did is recorded. For
    /// whoever has joined it.
    pub fn gone(self) -> T {
        while test_kill_process(self.thread).is_ok() {
            thread::yield_now();
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_gone_is_none_of_the_process() {
        let ended = thread::spawn(named(|| 7)).join().unwrap();
        let folder = format!("/proc/self/task/{}", ended.thread.as_raw_nonzero());
        assert_eq!(ended.gone(), 7);
        assert!(!std::path::Path::new(&folder).exists());
    }
}
