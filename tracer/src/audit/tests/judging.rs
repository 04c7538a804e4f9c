//! Which expectations a birth decides.

use crate::audit::Judging;
use crate::expect::{Check, Expectation};

fn expectation(id: &str, check: Check) -> Expectation {
    Expectation {
        id: id.to_owned(),
        asked: String::new(),
        origin: String::new(),
        check,
    }
}

#[test]
fn what_no_birth_decides_is_named_by_its_reason() {
    let masked = Check::PathMasked {
        path: "/proc/kcore".to_owned(),
        absent: false,
    };
    let (judged, undecided) = Judging::decidable(vec![
        expectation("no_new_privs", Check::NoNewPrivs),
        expectation("masked", masked),
        expectation("complete", Check::Complete),
    ]);
    let names: Vec<&str> = judged.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(names, ["no_new_privs", "masked"]);
    assert_eq!(undecided.later, ["complete"]);
    assert_eq!(undecided.unread, ["masked"]);
    let words = undecided.words();
    assert_eq!(words.len(), 2);
    assert!(words[0].starts_with("not judged") && words[0].ends_with(": complete"));
    assert!(words[1].starts_with("inconclusive at every birth"));
}
