//! `tracer top` on a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use nix::pty::{Winsize, openpty};
use tracer_tests::binary;
use tracer_tests::shell::Shell;

/// It, and the terminal's other side.
struct Top {
    child: Child,
    keys: File,
    screen: JoinHandle<String>,
    seen: std::sync::mpsc::Receiver<String>,
}

impl Top {
    fn start() -> Self {
        tracer_tests::require_root();
        let size = Winsize {
            ws_row: 24,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).expect("a terminal");
        let side = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
        let mut command = binary::tracer(&["top"]);
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("top");
        drop(command);
        drop(pair.slave);
        let keys = File::from(pair.master);
        let mut master = keys.try_clone().expect("a descriptor");
        let (say, seen) = std::sync::mpsc::channel();
        let screen = std::thread::spawn(move || {
            let mut all = String::new();
            let mut some = [0; 4096];
            // A terminal whose last user has gone is an error to read from.
            while let Ok(count @ 1..) = master.read(&mut some) {
                all.push_str(&String::from_utf8_lossy(&some[..count]));
                if say.send(all.clone()).is_err() {
                    break;
                }
            }
            all
        });
        Self {
            child,
            keys,
            screen,
            seen,
        }
    }

    /// Waits until what was drawn so far has that. Gives what it was.
    fn until(&self, is_it: impl Fn(&str) -> bool) -> String {
        let mut seen = self.seen.iter();
        seen.find(|all| is_it(all))
            .expect("it is drawn before the end")
    }

    fn end(mut self, key: &[u8]) -> String {
        self.keys.write_all(key).expect("pressed");
        assert_eq!(self.child.wait().expect("its end").code(), Some(0));
        drop((self.keys, self.seen));
        self.screen.join().expect("read")
    }
}

/// The last screen: what comes after the last jump to its beginning.
fn last(all: &str) -> &str {
    all.rsplit_once("\u{1b}[1;1H").map_or("", |(_, last)| last)
}

#[test]
#[ignore = "needs root"]
fn a_container_is_on_the_screen_while_it_lives() {
    let top = Top::start();
    top.until(|all| all.contains("tracer top ("));
    let shell = Shell::with(&["-u", "-n"]);
    let row = |pid: u32| {
        move |all: &str| last(all).contains(&format!(" {pid} ")) && all.contains("uts net")
    };
    top.until(row(shell.pid()));
    let pid = shell.pid();
    drop(shell);
    top.until(|all| {
        last(all).contains(" ended, ") && !row(pid)(all) && last(all).contains("APART")
    });
    let all = top.end(b"q");
    let (_, rest) = all
        .split_once("\u{1b}[?1049h")
        .expect("a screen of its own");
    assert!(rest.contains("\u{1b}[?1049l"), "the terminal is given back");
    assert!(rest.contains("\u{1b}[?25h"), "with its cursor");
}

#[test]
#[ignore = "needs root"]
fn control_c_ends_it_and_without_a_terminal_it_says_what_to_do() {
    let top = Top::start();
    top.until(|all| all.contains("tracer top ("));
    top.end(&[3]);
    let output = binary::tracer(&["top"]).output().expect("its end");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("needs a terminal"), "{said}");
}
