//! How long to wait for a program that is at work on another processor: it cannot sleep, but that processor may be
//! taken from it. Owns the time.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than a hypervisor lets a processor stand; whoever is not done by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks until it is `done`, a second at most, and lets others run in between.
///
/// # Errors
/// What `done` gives.
pub fn until<E>(mut done: impl FnMut() -> Result<bool, E>) -> Result<(), E> {
    let start = Instant::now();
    while !done()? && start.elapsed() < PATIENCE {
        thread::yield_now();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_done_or_fails_is_asked_no_more() {
        let mut asked = 0;
        let mut third = || {
            asked += 1;
            Ok::<_, ()>(asked == 3)
        };
        assert_eq!(until(&mut third), Ok(()));
        assert_eq!(asked, 3);
        assert_eq!(until(|| Err("gone")), Err("gone"));
    }

    #[test]
    fn who_is_never_done_is_not_waited_for() {
        let mut asked = 0;
        let never = || {
            asked += 1;
            Ok::<_, ()>(false)
        };
        assert_eq!(until(never), Ok(()));
        assert!(asked > 1);
    }
}
