//! What a process hands on through exec.

use tracer_common::record::{Certificate, ClockOffset};

use super::{becomes, good, judged, without};
use crate::expect::{Bound, Check, Clock, Comparison};
use crate::verdict::Verdict::{self, Fail, Inconclusive, Pass};
use crate::verdict::sample::Scenario;
use Comparison::{AtLeast, AtMost, Exactly};

#[test]
fn a_score_compares_with_its_sign() {
    let score = |comparison, value| Check::OomScoreAdj(Bound::new(comparison, value));
    for (check, verdict) in [
        (score(Exactly, -5), Pass),
        (score(Exactly, 5), Fail),
        (score(AtMost, 0), Pass),
        (score(AtLeast, 0), Fail),
        (score(AtLeast, -5), Pass),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::OOM_SCORE_ADJ));
    }
}

#[test]
fn a_umask_is_the_one_asked_for() {
    becomes(&Check::Umask(0o27), Pass, good);
    becomes(&Check::Umask(0o22), Fail, good);
    becomes(
        &Check::Umask(0o27),
        Inconclusive,
        without(Certificate::UMASK),
    );
}

#[test]
fn a_session_keyring_is_private_when_there_is_one_that_is_not_tracers() {
    let private = Check::SessionKeyringPrivate;
    becomes(&private, Pass, good);
    // tracer's own, as the sample has it.
    becomes(&private, Fail, |facts| facts.session_keyring = 5);
    becomes(&private, Fail, |facts| facts.session_keyring = 0);
    becomes(
        &private,
        Inconclusive,
        without(Certificate::SESSION_KEYRING),
    );
    let of_tracer = |change: fn(&mut Certificate)| {
        let scenario = Scenario::with(|scenario| change(&mut scenario.baseline));
        judged(Check::SessionKeyringPrivate, &scenario, |_| {}).verdict
    };
    let unknown = of_tracer(|facts| facts.valid &= !Certificate::SESSION_KEYRING);
    assert_eq!(unknown, Inconclusive);
    assert_eq!(of_tracer(|facts| facts.session_keyring = 0), Pass);
    assert_eq!(of_tracer(|facts| facts.session_keyring = 6), Fail);
}

#[test]
fn each_clock_is_ahead_by_what_was_asked_for_to_the_nanosecond() {
    let ahead = |clock, seconds, nanoseconds| Check::TimeOffset {
        clock,
        offset: ClockOffset {
            seconds,
            nanoseconds,
        },
    };
    let cases: [(Check, Verdict); 4] = [
        (ahead(Clock::Boottime, 3600, 1), Pass),
        (ahead(Clock::Boottime, 3600, 0), Fail),
        (ahead(Clock::Monotonic, 0, 0), Pass),
        (ahead(Clock::Monotonic, 3600, 1), Fail),
    ];
    for (check, verdict) in cases {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::TIME_OFFSETS));
    }
}
