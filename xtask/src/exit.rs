//! Every exit code of `cargo xtask` and the errors that lead to them. Owns no printing and no
//! exiting. `tracer` keeps to the same numbers from 120 on.

use std::fmt;

/// A check found something, or a program that a task runs failed.
pub const FOUND: u8 = 1;
/// This machine cannot do it: not root, no package manager, no network.
pub const UNABLE: u8 = 122;
/// The task itself went wrong.
pub const OWN: u8 = 125;

/// Shown below `--help`.
pub const HELP: &str = "\
Exit codes:
    0  done
    1  a check found something, or a program that the task runs failed
    2  wrong usage
  122  this machine cannot do it; the message says what is needed
  125  the task itself went wrong
`run` passes on the exit code of tracer.";

/// This machine cannot do what was asked; the text says what it lacks and what to do.
#[derive(Debug)]
pub struct Unable(pub String);

/// A check found something; the text says what.
#[derive(Debug)]
pub struct Found(pub String);

impl fmt::Display for Unable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Unable {}
impl std::error::Error for Found {}

/// The exit code for an error, however much context was put around it.
pub fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Unable>().is_some() {
        UNABLE
    } else if error.downcast_ref::<Found>().is_some() {
        FOUND
    } else {
        OWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_around_an_error_does_not_change_its_exit_code() {
        let unable = anyhow::Error::new(Unable("no apt".into())).context("cannot set up");
        let found = anyhow::Error::new(Found("stale".into())).context("docs");
        assert_eq!(code(&unable), UNABLE);
        assert_eq!(code(&found), FOUND);
        assert_eq!(code(&anyhow::anyhow!("cannot read")), OWN);
    }
}
