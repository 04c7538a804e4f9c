//! How much of a load a machine is given: all of it, or a share where whoever runs the tests has said
//! that the machine is slow. Owns that word; what a load is for, its test says.

/// One in so many, as the first process of an emulated guest sets it.
const SHARE: &str = "TRACER_TESTS_SHARE";
/// What no load falls below: side by side and one after the other are to stay what they are.
const LEAST: usize = 5;

/// So many things to do, or the share of them that this machine is to do; says so in the words that
/// `cargo xtask vm` passes on.
///
/// Only for loads whose size nothing else of the test rests on.
#[must_use]
pub fn of(all: usize) -> usize {
    let share = std::env::var(SHARE).ok();
    let given = shared(all, share.as_deref());
    if given < all {
        println!("skipped: {} of {all}, as {SHARE} is set", all - given);
    }
    given
}

fn shared(all: usize, share: Option<&str>) -> usize {
    let share = share.map_or(1, |text| {
        text.parse().expect("a number in TRACER_TESTS_SHARE")
    });
    assert_ne!(share, 0, "{SHARE} is no share");
    (all / share).clamp(LEAST.min(all), all)
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn nothing_is_left_out_unless_it_is_said() {
        assert_eq!(shared(1000, None), 1000);
        assert_eq!(shared(1000, Some("1")), 1000);
    }

    #[test]
    fn a_share_keeps_some() {
        assert_eq!(shared(1000, Some("10")), 100);
        assert_eq!(shared(25, Some("10")), 5);
        assert_eq!(shared(3, Some("10")), 3);
    }

    #[test]
    #[should_panic(expected = "is no share")]
    fn one_in_none_is_no_share() {
        shared(1000, Some("0"));
    }
}
