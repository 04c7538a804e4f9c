//! A run from its start to its end, whoever ends it: exit codes, the gate, signals, readers that
//! go away, SIGKILL at any moment, other runs beside it. As root.

mod end;
mod gate;
mod kill;
mod signal;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::thread::{CapabilitiesSecureBits, set_capabilities_secure_bits};
use tracer_tests::binary::Runs;

/// Starts a run and waits for the first line that its payload says, which must be `ready`.
/// Standard input stays open.
fn ready(runs: &Runs, words: &[&str]) -> Child {
    let mut command = runs.command(words);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tracer = runs.start(&mut command);
    assert_eq!(line(&mut tracer), "ready\n");
    tracer
}

/// The next line that its payload says.
fn line(tracer: &mut Child) -> String {
    let output = tracer.stdout.as_mut().expect("piped");
    let mut line = String::new();
    // Byte by byte: what comes behind it stays in the pipe.
    let mut output = BufReader::with_capacity(1, output);
    output.read_line(&mut line).expect("a line");
    line
}

/// Words that share the user namespace, because a new one starts with securebits of its own.
const SPOILED: [&str; 2] = ["--share", "user"];

/// Calls `start` with a securebit set, which every container inherits and none asks for: the
/// verdict is a fail although nothing of the runtime is at fault.
fn spoiled<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        // On a thread of its own, with which the bit goes.
        let thread = scope.spawn(|| {
            set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP).expect("root");
            start()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The last line of what a run says to people.
fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or_default()
}

/// A command whose output is read.
fn piped(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped())
}
