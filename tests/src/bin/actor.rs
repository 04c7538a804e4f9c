//! A payload for tests: says `here`, waits for a line, does one thing as often as it is told, and
//! says `done`. One that has left namespaces waits for another line then, and becomes cat(1).

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use nix::sched::CloneFlags;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [deed, count] = arguments.as_slice() else {
        return ExitCode::FAILURE;
    };
    let Ok(count) = count.parse::<u32>() else {
        return ExitCode::FAILURE;
    };
    println!("here");
    if std::io::stdin().read_line(&mut String::new()).is_err() {
        return ExitCode::FAILURE;
    }
    for _ in 0..count {
        let done = match deed.as_str() {
            // A system call that the timeline shows and that changes nothing.
            "prctl" => rustix::thread::name().is_ok(),
            "unshare" => {
                let flags = CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET;
                nix::sched::unshare(flags).is_ok()
            }
            _ => false,
        };
        if !done {
            return ExitCode::FAILURE;
        }
    }
    println!("done");
    if deed == "unshare" {
        if std::io::stdin().read_line(&mut String::new()).is_err() {
            return ExitCode::FAILURE;
        }
        // It comes back only if it fails.
        let _failed = Command::new("cat").exec();
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
