//! `tracer top`: the audit as a screen that is drawn anew. Owns the terminal and the keys; what is on the screen,
//! `report::overview` says.

use std::{
    io::{self, IsTerminal as _, Write},
    path::Path,
    time::Duration,
};

use clap::Args;
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::Print,
    terminal::{
        Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode, size,
    },
};
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    arguments::{ExpectedArguments, ObservedArguments},
    judging,
    live::{Live, WAIT, now_ns},
    options, paced,
};
use crate::{
    audit::overview::Overview,
    cli::{Failure, doctor, exit, require_host},
    host,
    report::overview::{Screen, lines},
    run::{Signals, ends},
};

/// It is drawn so often at least: ages grow.
const EVERY: Duration = Duration::from_secs(1);
/// It is drawn so often at most, whatever happens.
const PACE: Duration = Duration::from_millis(100);

/// Show the containers of the whole host as they come and go, until `q`.
///
/// What there is to see is what the records of `tracer audit` tell.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct TopArguments {
    #[command(flatten)]
    observed: ObservedArguments,
    #[command(flatten)]
    expected: ExpectedArguments,
}

/// The command.
///
/// # Errors
/// There is no terminal; what keeps it from observing.
pub fn run(arguments: &TopArguments) -> Result<u8, Failure> {
    require_host()?;
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let text =
            "tracer top needs a terminal; `tracer audit` writes records to whatever reads them";
        return Err(Failure::new(exit::USAGE, text));
    }
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let judging = judging(&arguments.expected, false, &host)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    runtime.block_on(async {
        let signals = Signals::new().map_err(|error| {
            Failure::new(exit::ERROR, format!("catching signals failed: {error}"))
        })?;
        let live = Live::start(&options(&arguments.observed, None), &host, judging)
            .map_err(|error| Failure::new(doctor::code_of(&error), &error))?;
        top(live, signals).await
    })
}

async fn top(mut live: Live, mut signals: Signals) -> Result<u8, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::ERROR, error);
    let of_screen = |error: io::Error| failed(&format!("drawing failed: {error}"));
    let mode = live.described().mode;
    let mut overview = Overview::default();
    let mut terminal = Terminal::take().map_err(of_screen)?;
    let mut keys = keys();
    let mut turns = tokio::time::interval(EVERY);
    let mut looks = tokio::time::interval(super::live::LOOK_AGAIN);
    let (mut dues, mut paces) = (paced(WAIT), paced(PACE));
    let mut drawn = tokio::time::Instant::now() - PACE;
    let mut changed = true;
    loop {
        let more = live
            .follow()
            .map_err(|error| Failure::new(doctor::code_of(&error), &error))?;
        for record in live.due() {
            overview.note(&record);
            changed = true;
        }
        if changed && drawn.elapsed() >= PACE {
            terminal.draw(&overview, mode).map_err(of_screen)?;
            (drawn, changed) = (tokio::time::Instant::now(), false);
        }
        tokio::select! {
            biased;
            number = signals.next() => {
                if ends(number) {
                    return Ok(exit::PASS);
                }
            }
            key = keys.recv() => match key {
                None | Some(Key::End) => return Ok(exit::PASS),
                Some(key) => {
                    terminal.scroll(key);
                    changed = true;
                }
            },
            () = std::future::ready(()), if more => {}
            ready = live.readable(), if !more => {
                ready.map_err(|error| failed(&format!("waiting for records failed: {error}")))?;
            }
            _instant = dues.tick(), if !more && live.auditor.waits() => {}
            _instant = paces.tick(), if changed => {}
            _instant = turns.tick() => changed = true,
            _instant = looks.tick(), if !more => {
                live.look_again()
                    .map_err(|error| Failure::new(doctor::code_of(&error), &error))?;
            }
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    End,
    Up(usize),
    Down(usize),
    /// The size has changed, or nothing that matters.
    Draw,
}

fn meaning(key: KeyEvent) -> Key {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if key.kind == KeyEventKind::Release => Key::Draw,
        KeyCode::Char('q') | KeyCode::Esc => Key::End,
        KeyCode::Char('c' | 'd') if control => Key::End,
        KeyCode::Up | KeyCode::Char('k') => Key::Up(1),
        KeyCode::Down | KeyCode::Char('j') => Key::Down(1),
        KeyCode::PageUp => Key::Up(10),
        KeyCode::PageDown => Key::Down(10),
        KeyCode::Home => Key::Up(usize::MAX),
        _ => Key::Draw,
    }
}

/// Keys as they are pressed; it ends when there is no terminal any more.
fn keys() -> Receiver<Key> {
    let (said, heard) = channel(16);
    // It waits for a key when the program ends, and has nothing to finish.
    drop(std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            let key = match event {
                Event::Key(key) => meaning(key),
                _ => Key::Draw,
            };
            if said.blocking_send(key).is_err() {
                return;
            }
        }
    }));
    heard
}

/// The terminal while it is ours: what was on it comes back with its end.
struct Terminal {
    above: usize,
}

impl Terminal {
    fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on it is given back, whatever fails.
        let terminal = Self { above: 0 };
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    fn scroll(&mut self, key: Key) {
        self.above = match key {
            Key::Up(count) => self.above.saturating_sub(count),
            Key::Down(count) => self.above.saturating_add(count),
            Key::End | Key::Draw => self.above,
        };
    }

    fn draw(&mut self, overview: &Overview, mode: &str) -> io::Result<()> {
        let (width, height) = size()?;
        self.above = self.above.min(overview.living().len().saturating_sub(1));
        let screen = Screen {
            width: usize::from(width),
            height: usize::from(height),
            above: self.above,
            color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let mut frame = Vec::new();
        queue!(frame, MoveTo(0, 0))?;
        for (number, line) in lines(overview, mode, now_ns(), screen).iter().enumerate() {
            let end = Clear(ClearType::UntilNewLine);
            let row = u16::try_from(number).unwrap_or(u16::MAX);
            queue!(frame, MoveTo(0, row), Print(line), end)?;
        }
        queue!(frame, Clear(ClearType::FromCursorDown))?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&frame)?;
        stdout.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _gone = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _gone = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_c_ends_it_like_q_as_no_signal_comes_of_it() {
        let key = |code, modifiers| meaning(KeyEvent::new(code, modifiers));
        for (code, modifiers) in [
            (KeyCode::Char('q'), KeyModifiers::NONE),
            (KeyCode::Char('c'), KeyModifiers::CONTROL),
            (KeyCode::Esc, KeyModifiers::NONE),
        ] {
            assert_eq!(key(code, modifiers), Key::End);
        }
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), Key::Draw);
        let mut terminal = std::mem::ManuallyDrop::new(Terminal { above: 0 });
        terminal.scroll(Key::Down(3));
        terminal.scroll(Key::Up(1));
        assert_eq!(terminal.above, 2);
        terminal.scroll(Key::Up(usize::MAX));
        assert_eq!(terminal.above, 0);
    }
}
