//! Time that has to pass: what is measured is a rate, or what happens while nothing is done. Owns the only such
//! waits; nothing may be taken to have happened because of them.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Returns after so long.
pub fn pass(time: Duration) {
    let (sender, receiver) = channel::<()>();
    let passed = receiver.recv_timeout(time);
    debug_assert_eq!(passed, Err(RecvTimeoutError::Timeout));
    drop(sender);
}
