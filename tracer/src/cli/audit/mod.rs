//! `tracer audit`: the loop over a running audit, and where its records go. Owns that loop, the
//! signals and the exit code.

mod ancestry;
mod arguments;
mod aside;
mod gate;
mod journal;
mod live;
mod notify;
mod output;
mod reload;
mod room;
mod rotated;
mod serve;
mod status;
mod stream;
pub mod top;

use std::io::IsTerminal as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior};

pub use arguments::AuditArguments;

use super::{Failure, doctor, exit, expect as expectations, say};
use crate::{
    audit::{self, Auditor, Judging, filter::Filter},
    collect::{Options, hooks::Way, wanted::Wants},
    expect::rule::Rule,
    host::{self, HostFacts},
    report,
    run::{Signals, ends},
};
use arguments::{ExpectedArguments, FilterArguments, Form, ObservedArguments};
use aside::Aside;
use journal::Journal;
use live::{LOOK_AGAIN, Live, WAIT};
use notify::Manager;
use output::{Outlet, Place};
use rotated::{Before, Rotated};
use status::{Board, EVERY, Measurer};
use stream::Stream;

/// The command.
///
/// # Errors
/// What keeps it from observing.
pub fn run(arguments: &AuditArguments) -> Result<u8, Failure> {
    super::require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let judging = judging(&arguments.expected, arguments.enforce, &host)?;
    // Before anything is written or attached: a port that is taken keeps it from starting.
    let listener = arguments.listen.map(serve::listen).transpose()?;
    let trouble = Arc::default();
    let (places, before) = places(arguments, &trouble)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let outlet = Outlet::new(filter(&arguments.filter, &host)?, places, trouble);
    let board = listener.map(put_up_board).transpose()?;
    let start = Start {
        arguments,
        judging,
        before,
        board,
    };
    runtime.block_on(audit(start, &host, outlet))
}

/// Prints the JSON Schema of the records.
///
/// # Errors
/// Standard output cannot be written to.
pub fn schema() -> Result<u8, Failure> {
    super::print(&format!("{:#}\n", audit::schema())).map(|()| exit::PASS)
}

/// What an audit is started with.
struct Start<'a> {
    arguments: &'a AuditArguments,
    judging: Judging,
    before: Option<Before>,
    board: Option<Arc<Board>>,
}

/// Starts to serve what is put up on the board that it gives.
fn put_up_board(listener: TcpListener) -> Result<Arc<Board>, Failure> {
    let at = listener.local_addr();
    let at = at.map_err(|error| Failure::new(exit::ERROR, format!("listening failed: {error}")))?;
    let board = Arc::new(Board::default());
    serve::serve(listener, Arc::clone(&board))?;
    say(&format!(
        "serving http://{at}/metrics, /healthz, /readyz, /version"
    ));
    Ok(board)
}

async fn audit(start: Start<'_>, host: &HostFacts, mut outlet: Outlet) -> Result<u8, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::ERROR, error);
    // First: whoever asks for the end while hooks are attached is heard.
    let mut signals =
        Signals::new().map_err(|error| failed(&format!("catching signals failed: {error}")))?;
    let of_collect =
        |error: crate::collect::CollectError| Failure::new(doctor::code_of(&error), &error);
    let enforced = start.arguments.enforce.then_some(&start.judging);
    let options = options(&start.arguments.observed, enforced);
    let mut live = Live::start(&options, host, start.judging).map_err(of_collect)?;
    if let Some(before) = start.before {
        live.auditor.resumed(before.last);
    }
    let board = start.board;
    let measurer =
        board.map(|board| Measurer::new(board, start.arguments.observed.processes, &mut live));
    let mut measurer = measurer.transpose().map_err(of_collect)?;
    if let Some(measurer) = &mut measurer {
        // Whoever reads the first record finds it ready.
        measurer
            .measure(&mut live, &outlet.tally)
            .map_err(of_collect)?;
    }
    let mut manager = Manager::of_environment();
    let often = [manager.every(), measurer.as_ref().map(|_| EVERY)];
    let often = often.into_iter().flatten().min();
    let mut turns = tokio::time::interval(often.unwrap_or(LOOK_AGAIN));
    let mut dues = paced(WAIT);
    // Whoever had a terminal has lost it with that signal.
    let terminal = std::io::stdin().is_terminal() || std::io::stdout().is_terminal();
    manager.ready();
    let mut looks = tokio::time::interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    let reason = loop {
        let more = live.follow().map_err(of_collect)?;
        if !outlet.write(&live.due()) {
            // It was the only place that records went to.
            return Ok(exit::PASS);
        }
        if let Some(measurer) = &mut measurer {
            measurer
                .measure(&mut live, &outlet.tally)
                .map_err(of_collect)?;
        }
        manager.alive();
        tokio::select! {
            biased;
            number = signals.next() => {
                if number == HANGUP && !terminal {
                    match reload::reload(start.arguments, host, &mut live, &mut outlet) {
                        Ok(()) => manager.reloaded(),
                        Err(failure) => failure.say("the configuration stays as it was"),
                    }
                } else if ends(number) {
                    break format!("signal {number}");
                }
            }
            () = std::future::ready(()), if more => {}
            ready = live.readable(), if !more => {
                ready.map_err(|error| failed(&format!("waiting for records failed: {error}")))?;
            }
            _instant = looks.tick(), if !more => {
                live.look_again().map_err(of_collect)?;
            }
            _instant = dues.tick(), if !more && live.waits() => {}
            _instant = turns.tick(), if !more && often.is_some() => {}
            () = outlet.troubled(), if !more => {}
        }
    };
    manager.stopping();
    let mut auditor: Auditor = live.end(reason).map_err(of_collect)?;
    outlet.write(&auditor.take());
    outlet.end();
    Ok(exit::PASS)
}

/// Turns that are not made up for.
fn paced(every: Duration) -> Interval {
    let mut turns = tokio::time::interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    turns
}

/// `enforced` = by what payloads are judged that are held until then.
fn options(arguments: &ObservedArguments, enforced: Option<&Judging>) -> Options {
    let mut options = arguments.kernel.set(Options {
        host: true,
        hold: enforced.is_some(),
        // Who stops with a child of its own tells it so.
        signals: enforced.is_some(),
        refuse: enforced.is_some_and(|judging| judging.denies_drift),
        ring_bytes: arguments.ring,
        scope_groups: arguments.processes,
        ..Options::for_this_process()
    });
    if arguments.economy {
        options.hooks.leave_out("sys_exit");
    } else if !arguments.exact
        && enforced.is_none()
        && options.hooks.of("sys_exit") == Wants::default().of("sys_exit")
    {
        // At no cost to other system calls, or not at all.
        options.hooks.ask("sys_exit", Way::Fexit);
    }
    options
}

/// The signal that has the configuration read anew.
const HANGUP: i32 = 1;

fn judging(
    arguments: &ExpectedArguments,
    enforced: bool,
    host: &HostFacts,
) -> Result<Judging, Failure> {
    let lists = expectations::sources(&arguments.expect, &arguments.preset)?;
    let merged = expectations::merged(&lists)?;
    let (judging, undecided) = Judging::decidable(merged, enforced);
    for words in undecided.words() {
        say(&words);
    }
    let template = report::certificate::template(host);
    let rules = arguments.rule.iter();
    let rules = rules
        .map(|text| Rule::new(text, &template).map_err(|error| Failure::new(exit::USAGE, error)))
        .collect::<Result<_, _>>()?;
    let judging = Judging {
        rules,
        select: arguments.select.clone(),
        ..judging
    };
    let missing = match &judging.select {
        // Not the grammar's to ask: each may stand in another layer of the configuration.
        None => "nobody is chosen; say whom by --select",
        Some(_) if judging.is_empty() && !judging.denies_drift => {
            "nothing is expected of any container; name what is by --expect, --preset or --rule"
        }
        Some(_) => return Ok(judging),
    };
    if enforced {
        return Err(Failure::new(exit::USAGE, format!("--enforce: {missing}")));
    }
    Ok(judging)
}

/// The file first: what is seen on standard output is in it.
fn places(
    arguments: &AuditArguments,
    trouble: &Arc<Notify>,
) -> Result<(Vec<Place>, Option<Before>), Failure> {
    let mut places = Vec::new();
    let mut before = None;
    if let Some(path) = &arguments.output {
        let limit = arguments.rotate_size << 20;
        let opened = Rotated::open(path, limit, arguments.rotate_keep);
        let (file, held) = opened.map_err(|error| {
            let text = format!("opening {} failed: {error}", path.display());
            Failure::new(exit::ERROR, text)
        })?;
        places.push(Place::File(file));
        before = held;
    }
    if let Some(path) = &arguments.journald {
        let journal = Journal::open(path).map_err(|error| {
            let text = format!(
                "reaching the journal at {} failed: {error}; --journald=SOCKET names another",
                path.display()
            );
            Failure::new(exit::ERROR, text)
        })?;
        places.push(Place::Journal(journal));
    }
    let form = arguments
        .format
        .or(places.is_empty().then_some(Form::Compact));
    if let Some(form) = form {
        let stream = Stream::standard().map_err(|error| {
            let text = format!("taking standard output failed: {error}");
            Failure::new(exit::ERROR, text)
        })?;
        // Whoever is held waits for the audit, which then waits for no reader.
        let alone = places.is_empty() && !arguments.enforce;
        places.push(if alone {
            Place::Standard(stream, form)
        } else {
            let aside = Aside::new(stream, Arc::clone(trouble)).map_err(|error| {
                let text = format!("starting a thread for standard output failed: {error}");
                Failure::new(exit::ERROR, text)
            })?;
            Place::Aside(aside, form)
        });
    }
    Ok((places, before))
}

fn filter(arguments: &FilterArguments, host: &HostFacts) -> Result<Filter, Failure> {
    let mut conditions = Vec::new();
    if !arguments.expr.is_empty() {
        let template = audit::template(&report::certificate::template(host));
        for text in &arguments.expr {
            let condition = Rule::of_records(text, &template);
            conditions.push(condition.map_err(|error| Failure::new(exit::USAGE, error))?);
        }
    }
    Ok(Filter {
        kinds: arguments.event.concat(),
        containers: arguments.container.clone(),
        comms: arguments.comm.clone(),
        uids: arguments.uid.clone(),
        conditions,
    })
}
