//! Signals to tracer, which are meant for the payload. Owns which are caught.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::pidfd_send_signal;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::container::gate::Init;

/// Those that people end programs with.
const ENDING: [SignalKind; 4] = [
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
    SignalKind::quit(),
];
/// Those that mean something to some programs.
const OTHERS: [SignalKind; 2] = [SignalKind::user_defined1(), SignalKind::user_defined2()];

/// Whether a signal asks for the end.
pub(crate) fn ends(number: i32) -> bool {
    ENDING.iter().any(|kind| kind.as_raw_value() == number)
}

/// Passes a signal on to the payload. One that has ended meanwhile needs none.
pub(super) fn pass_on(init: &Init, number: i32) {
    if let Some(signal) = rustix::process::Signal::from_named_raw(number) {
        let _ended = pidfd_send_signal(init.pidfd(), signal);
    }
}

/// All that are caught, with their numbers.
pub(crate) struct Signals(Vec<(i32, Signal)>);

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let kinds = ENDING.into_iter().chain(OTHERS);
        let caught = kinds.map(|kind| Ok((kind.as_raw_value(), signal(kind)?)));
        caught.collect::<std::io::Result<_>>().map(Self)
    }

    /// The number of the next one.
    pub(crate) async fn next(&mut self) -> i32 {
        poll_fn(|context| {
            for (number, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The number of the next one that asks for the end, where there is no payload for others.
    pub(crate) async fn next_ending(&mut self) -> i32 {
        loop {
            let number = self.next().await;
            if ends(number) {
                return number;
            }
        }
    }

    /// The number of one that has asked for the end already.
    pub(super) async fn ending_so_far(&mut self) -> Option<i32> {
        // Lets the runtime look for them.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            number = self.next_ending() => Some(number),
            () = std::future::ready(()) => None,
        }
    }
}
