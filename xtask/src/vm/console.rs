//! What a guest's console says, and what of it is a verdict. Pure. Green is only what the guest
//! itself says is green, in one line, and only if that counts every test that it was given.

/// What the guest's own lines begin with.
const OURS: &str = "tracer-vm ";
/// What the kernel says when it gives up.
const PANIC: &str = "Kernel panic - not syncing";

/// How the machine came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Off,
    /// The emulator failed.
    Broken,
    /// It was ended after it had said nothing for this many seconds.
    Silent(u64),
}

/// Tests that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    /// For want of something that this layout of cgroups has not.
    pub skipped: usize,
}

/// Why it is not green.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Red {
    /// The guest said nothing at all.
    NothingSaid,
    /// The kernel's own words.
    Panic(String),
    /// For so many seconds; the last test that began.
    Stall(u64, Option<String>),
    EmulatorFailed,
    /// What the guest said of itself.
    Error(String),
    NoVerdict(Option<String>),
    SecondVerdict,
    /// A verdict that cannot be read.
    Garbled(String),
    /// A verdict on another number of tests than the guest was given.
    Miscounted(Counts, usize),
    /// A test that was skipped for want of something that the machine has, or not by name.
    Skipped(String),
    /// Tests failed.
    Failed(Counts),
}

impl std::fmt::Display for Red {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let during = |test: &Option<String>| {
            test.as_ref()
                .map_or_else(String::new, |test| format!(" during {test}"))
        };
        match self {
            Self::NothingSaid => write!(out, "the machine said nothing"),
            Self::Panic(words) => write!(out, "{words}"),
            Self::Stall(seconds, test) => {
                write!(out, "no word for {seconds} s{}", during(test))
            }
            Self::EmulatorFailed => write!(out, "the emulator failed"),
            Self::Error(words) => write!(out, "{words}"),
            Self::NoVerdict(test) => write!(out, "it ended without a verdict{}", during(test)),
            Self::SecondVerdict => write!(out, "it gave more than one verdict"),
            Self::Garbled(line) => write!(out, "its verdict cannot be read: {line}"),
            Self::Miscounted(counts, planned) => write!(
                out,
                "its verdict counts {} passed, {} failed and {} skipped of {planned} tests",
                counts.passed, counts.failed, counts.skipped
            ),
            Self::Skipped(line) => write!(out, "skipped without need: {line}"),
            Self::Failed(counts) => {
                write!(out, "{} passed, {} failed", counts.passed, counts.failed)
            }
        }
    }
}

/// What a guest was given.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// How many tests.
    pub tests: usize,
    /// What its machine was made to lack: no test is skipped for anything else.
    pub lacks: Option<&'a str>,
}

/// What a whole console, and how it ended, come to for a guest that was given that.
pub fn judge(console: &str, end: End, given: Given<'_>) -> Result<Counts, Red> {
    let lines = || console.lines().map(str::trim_end);
    if let Some(line) = lines().find(|line| line.contains(PANIC)) {
        let words = line.find(PANIC).map_or(line, |at| &line[at..]);
        return Err(Red::Panic(words.to_owned()));
    }
    let running = || {
        lines()
            .filter_map(|line| word(line, "start"))
            .next_back()
            .map(str::to_owned)
    };
    match end {
        End::Silent(seconds) => return Err(Red::Stall(seconds, running())),
        End::Broken => return Err(Red::EmulatorFailed),
        End::Off => {}
    }
    if console.trim().is_empty() {
        return Err(Red::NothingSaid);
    }
    if let Some(error) = lines().find_map(|line| word(line, "error:")) {
        return Err(Red::Error(error.to_owned()));
    }
    let mut verdicts = lines().filter_map(|line| word(line, "verdict:"));
    let Some(verdict) = verdicts.next() else {
        return Err(Red::NoVerdict(running()));
    };
    if verdicts.next().is_some() {
        return Err(Red::SecondVerdict);
    }
    let counts = counts(verdict).ok_or_else(|| Red::Garbled(verdict.to_owned()))?;
    let skips: Vec<&str> = lines().filter_map(|line| word(line, "skip")).collect();
    let lacks = given
        .lacks
        .map(|what| format!(": skipped: this machine has no {what}"));
    let needless = |line: &&&str| !lacks.as_ref().is_some_and(|lacks| line.ends_with(lacks));
    if let Some(line) = skips.iter().find(needless) {
        return Err(Red::Skipped((*line).to_owned()));
    }
    let all = counts.passed + counts.failed + counts.skipped;
    if all != given.tests || counts.skipped != skips.len() || all == counts.skipped {
        return Err(Red::Miscounted(counts, given.tests));
    }
    if counts.failed > 0 {
        return Err(Red::Failed(counts));
    }
    Ok(counts)
}

/// What follows this word in a line of the guest's own.
pub fn word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix(OURS)?
        .strip_prefix(word)?
        .strip_prefix(' ')
}

/// Is it worth showing as it comes: a failure and its words, what is skipped, a note?
pub fn is_news(line: &str) -> bool {
    ["FAIL", "skip", "note:", "error:", "kernel"]
        .iter()
        .any(|kind| word(line, kind).is_some())
        || line.starts_with("    | ")
}

/// Does the line say how a test has ended?
pub fn is_end_of_test(line: &str) -> bool {
    ["ok", "FAIL", "skip"]
        .iter()
        .any(|kind| word(line, kind).is_some())
}

fn counts(verdict: &str) -> Option<Counts> {
    let mut parts = verdict.split(", ");
    let mut number = |kind: &str| parts.next()?.strip_suffix(kind)?.parse().ok();
    let counts = Counts {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" skipped")?,
    };
    parts.next().is_none().then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEN: &str = "[    0.1] booting\r\ntracer-vm kernel 6.1\r\ntracer-vm start a::b\r\n\
        tracer-vm ok a::b 0.1 s\r\ntracer-vm verdict: 1 passed, 0 failed, 0 skipped\r\n";

    fn given(tests: usize) -> Given<'static> {
        Given { tests, lacks: None }
    }

    #[test]
    fn green_is_one_verdict_on_every_test() {
        let counts = Counts {
            passed: 1,
            failed: 0,
            skipped: 0,
        };
        assert_eq!(judge(GREEN, End::Off, given(1)), Ok(counts));
        assert_eq!(
            judge(GREEN, End::Off, given(2)),
            Err(Red::Miscounted(counts, 2)),
            "a test that was left out in the guest"
        );
    }

    #[test]
    fn a_verdict_on_nothing_is_red() {
        let nothing = Counts {
            passed: 0,
            failed: 0,
            skipped: 0,
        };
        assert_eq!(
            judge(
                "tracer-vm verdict: 0 passed, 0 failed, 0 skipped\n",
                End::Off,
                given(0)
            ),
            Err(Red::Miscounted(nothing, 0))
        );
    }

    #[test]
    fn a_test_is_skipped_for_want_of_what_the_machine_was_made_without_alone() {
        let console = "tracer-vm skip a::b: skipped: this machine has no cgroup v2\n\
            tracer-vm verdict: 1 passed, 0 failed, 1 skipped\n";
        let given = |lacks| Given { tests: 2, lacks };
        let counts = Counts {
            passed: 1,
            failed: 0,
            skipped: 1,
        };
        assert_eq!(
            judge(console, End::Off, given(Some("cgroup v2"))),
            Ok(counts)
        );
        for other in [None, Some("cgroup v1")] {
            let red = judge(console, End::Off, given(other));
            assert!(matches!(red, Err(Red::Skipped(_))), "{red:?}");
        }
        let unnamed = "tracer-vm verdict: 1 passed, 0 failed, 1 skipped\n";
        assert_eq!(
            judge(unnamed, End::Off, given(Some("cgroup v2"))),
            Err(Red::Miscounted(counts, 2))
        );
    }

    #[test]
    fn silence_is_red() {
        assert_eq!(judge("", End::Off, given(1)), Err(Red::NothingSaid));
        assert_eq!(judge("\r\n", End::Off, given(1)), Err(Red::NothingSaid));
    }

    #[test]
    fn an_end_without_a_verdict_is_red_and_names_the_test() {
        let console = "tracer-vm start a::b\n";
        assert_eq!(
            judge(console, End::Off, given(1)),
            Err(Red::NoVerdict(Some("a::b".to_owned())))
        );
        assert_eq!(
            judge("booting\n", End::Off, given(1)),
            Err(Red::NoVerdict(None))
        );
    }

    #[test]
    fn a_second_verdict_is_red_even_if_both_agree() {
        let twice = format!("{GREEN}tracer-vm verdict: 1 passed, 0 failed, 0 skipped\n");
        assert_eq!(judge(&twice, End::Off, given(1)), Err(Red::SecondVerdict));
    }

    #[test]
    fn a_panic_is_red_whatever_was_said_before() {
        let console = format!("{GREEN}[    9.1] Kernel panic - not syncing: Oops\r\n");
        assert_eq!(
            judge(&console, End::Off, given(1)),
            Err(Red::Panic("Kernel panic - not syncing: Oops".to_owned()))
        );
    }

    #[test]
    fn a_stall_is_red_even_after_a_verdict() {
        let stalled = judge(GREEN, End::Silent(300), given(1));
        assert_eq!(stalled, Err(Red::Stall(300, Some("a::b".to_owned()))));
        assert_eq!(
            judge(GREEN, End::Broken, given(1)),
            Err(Red::EmulatorFailed)
        );
    }

    #[test]
    fn failures_and_errors_of_the_guest_are_red() {
        let one = "tracer-vm verdict: 3 passed, 1 failed, 0 skipped\n";
        let counts = Counts {
            passed: 3,
            failed: 1,
            skipped: 0,
        };
        assert_eq!(judge(one, End::Off, given(4)), Err(Red::Failed(counts)));
        let error = format!("tracer-vm error: cannot mount\n{GREEN}");
        assert_eq!(
            judge(&error, End::Off, given(1)),
            Err(Red::Error("cannot mount".to_owned()))
        );
    }

    #[test]
    fn a_verdict_in_the_words_of_a_failed_test_is_none() {
        let console = "    | tracer-vm verdict: 1 passed, 0 failed, 0 skipped\n";
        assert_eq!(
            judge(console, End::Off, given(1)),
            Err(Red::NoVerdict(None))
        );
        let torn = "tracer-vm verdict: 1 pas[  3.1] oops\n";
        assert!(matches!(
            judge(torn, End::Off, given(1)),
            Err(Red::Garbled(_))
        ));
    }

    #[test]
    fn failures_are_news_and_successes_are_not() {
        assert!(is_news("tracer-vm FAIL a::b 1.0 s: exit code 101"));
        assert!(is_news("    | panicked"));
        assert!(!is_news("tracer-vm ok a::b 0.1 s"));
        assert!(is_end_of_test("tracer-vm ok a::b 0.1 s"));
        assert!(!is_end_of_test("tracer-vm start a::b"));
    }
}
