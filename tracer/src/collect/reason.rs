//! Why something could not be loaded or attached, in words. Owns how an error of a library's becomes a line.

/// An error with its causes, each once, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        // Some errors say their cause themselves.
        if !text.contains(&source_text) {
            text.push_str(": ");
            text.push_str(&source_text);
        }
        cause = source.source();
    }
    in_one_line(&text)
}

/// What the verifier says without what it counts (kernel/bpf/verifier.c, `print_verification_stats`).
fn in_one_line(text: &str) -> String {
    let counts = |line: &str| {
        let begins = |word| line.starts_with(word);
        begins("verification time ") || begins("stack depth ") || begins("processed ")
    };
    let lines = text.lines().map(str::trim);
    let told: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !counts(line))
        .collect();
    told.join("; ").replace(UNKNOWN_524, ENOTSUPP)
}

/// How the C library names `ENOTSUPP` of include/linux/errno.h, which is the kernel's own and not for programs.
const UNKNOWN_524: &str = "Unknown error 524 (os error 524)";
const ENOTSUPP: &str = "not supported by this kernel (ENOTSUPP, os error 524)";

#[cfg(test)]
mod tests {
    use std::io;

    use super::{ENOTSUPP, chain, in_one_line};

    #[test]
    fn of_the_verifier_the_reason_is_left() {
        let said = "the BPF_PROG_LOAD syscall returned Permission denied (os error 13). Verifier output: combined stack \
                    size of 3 calls is 528. Too large\nverification time 449677 usec\nstack depth 280+0+32\nprocessed \
                    20261 insns (limit 1000000) max_states_per_insn 10\n";
        assert_eq!(
            in_one_line(said),
            "the BPF_PROG_LOAD syscall returned Permission denied (os error 13). Verifier output: combined stack size \
             of 3 calls is 528. Too large"
        );
        assert_eq!(
            in_one_line("8429: \nback-edge from insn 8429 to 8430\n"),
            "8429:; back-edge from insn 8429 to 8430"
        );
    }

    #[test]
    fn an_error_that_the_c_library_does_not_know_has_a_name() {
        let error = io::Error::from_raw_os_error(524);
        assert_eq!(chain(&error), ENOTSUPP);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn a_cause_is_told_once() {
        let of = |text| {
            let source = io::Error::other("no room");
            chain(&Outer { text, source })
        };
        assert_eq!(of("it was refused"), "it was refused: no room");
        assert_eq!(of("no room. Too bad"), "no room. Too bad");
    }
}
