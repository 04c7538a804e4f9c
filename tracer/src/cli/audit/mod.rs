//! `tracer audit`: the loop over a running audit, and where its records go. Owns that loop, the
//! signals and the exit code.

mod ancestry;
mod arguments;
mod live;
mod notify;
mod output;
mod reload;
mod serve;
mod status;

use std::io::IsTerminal as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

pub use arguments::AuditArguments;

use super::{Failure, doctor, exit, expect as expectations, say};
use crate::{
    audit::{self, Auditor, Judging, Record, filter::Filter, status::Tally},
    collect::{Options, hooks::Way, wanted::Wants},
    expect::rule::Rule,
    host::{self, HostFacts},
    report,
    run::{Signals, ends},
};
use arguments::{ExpectedArguments, FilterArguments, Form};
use live::{LOOK_AGAIN, Live};
use notify::Manager;
use output::{Before, Rotated, Sink, Written};
use status::{Board, EVERY, Measurer};

/// The command.
///
/// # Errors
/// What keeps it from observing.
pub fn run(arguments: &AuditArguments) -> Result<u8, Failure> {
    super::require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let judging = judging(&arguments.expected, &host)?;
    // Before anything is written or attached: a port that is taken keeps it from starting.
    let listener = arguments.listen.map(serve::listen).transpose()?;
    let (sinks, before) = sinks(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let outlet = Outlet {
        filter: filter(&arguments.filter, &host)?,
        sinks,
        tally: Tally::default(),
    };
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

/// Records on their way out.
struct Outlet {
    filter: Filter,
    sinks: Vec<Sink>,
    tally: Tally,
}

/// What an audit is started with.
struct Start<'a> {
    arguments: &'a AuditArguments,
    judging: Judging,
    before: Option<Before>,
    board: Option<Arc<Board>>,
}

impl Outlet {
    /// Opens files anew.
    fn reopen(&mut self) {
        for sink in &mut self.sinks {
            if let Sink::File(file) = sink {
                file.reopen();
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> Written {
        for record in records {
            self.tally.note(record);
        }
        let wanted = records.iter().filter(|record| self.filter.takes(record));
        let wanted: Vec<&Record> = wanted.collect();
        if wanted.is_empty() {
            return Written::All;
        }
        // Nobody who reads standard output any more wants it written.
        self.sinks
            .retain_mut(|sink| sink.write(&wanted) == Written::All);
        if self.sinks.is_empty() {
            Written::Closed
        } else {
            Written::All
        }
    }
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
    let mut live =
        Live::start(&options(start.arguments), host, start.judging).map_err(of_collect)?;
    if let Some(before) = start.before {
        live.auditor.resumed(before.last);
    }
    let board = start.board;
    let measurer = board.map(|board| Measurer::new(board, &mut live));
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
    // Whoever had a terminal has lost it with that signal.
    let terminal = std::io::stdin().is_terminal() || std::io::stdout().is_terminal();
    manager.ready();
    let mut looks = tokio::time::interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    let reason = loop {
        let more = live.follow().map_err(of_collect)?;
        if outlet.write(&live.auditor.take()) == Written::Closed {
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
                    match reload::reload(start.arguments, host, &mut live.auditor, &mut outlet) {
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
            _instant = turns.tick(), if !more && often.is_some() => {}
        }
    };
    manager.stopping();
    let mut auditor: Auditor = live.end(reason).map_err(of_collect)?;
    outlet.write(&auditor.take());
    Ok(exit::PASS)
}

fn options(arguments: &AuditArguments) -> Options {
    let mut options = arguments.kernel.set(Options {
        host: true,
        ring_bytes: arguments.ring,
        scope_groups: MARKED,
        ..Options::for_this_process()
    });
    if arguments.economy {
        options.hooks.leave_out("sys_exit");
    } else if !arguments.exact && options.hooks.of("sys_exit") == Wants::default().of("sys_exit") {
        // At no cost to other system calls, or not at all.
        options.hooks.ask("sys_exit", Way::Fexit);
    }
    options
}

/// The signal that has the configuration read anew.
const HANGUP: i32 = 1;
/// Processes whose end is told of: those of containers, and those that were moved.
const MARKED: u32 = 65_536;

fn judging(arguments: &ExpectedArguments, host: &HostFacts) -> Result<Judging, Failure> {
    let lists = expectations::sources(&arguments.expect, &arguments.preset)?;
    let merged = expectations::merged(&lists)?;
    let (decidable, others): (Vec<_>, Vec<_>) = merged
        .into_iter()
        .partition(|expectation| expectation.check.family().at_exec());
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|one| one.id.as_str()).collect();
        say(&format!(
            "not judged at birth, as only what comes later or mount tables show it: {}",
            names.join(", ")
        ));
    }
    let template = report::certificate::template(host);
    let rules = arguments.rule.iter();
    let rules = rules
        .map(|text| Rule::new(text, &template).map_err(|error| Failure::new(exit::USAGE, error)))
        .collect::<Result<_, _>>()?;
    Ok(Judging {
        expectations: decidable,
        rules,
    })
}

/// The file first: what is seen on standard output is in it.
fn sinks(arguments: &AuditArguments) -> Result<(Vec<Sink>, Option<Before>), Failure> {
    let mut sinks = Vec::new();
    let mut before = None;
    if let Some(path) = &arguments.output {
        let limit = arguments.rotate_size << 20;
        let opened = Rotated::open(path, limit, arguments.rotate_keep);
        let (file, held) = opened.map_err(|error| {
            let text = format!("opening {} failed: {error}", path.display());
            Failure::new(exit::ERROR, text)
        })?;
        sinks.push(Sink::File(file));
        before = held;
    }
    if let Some(form) = arguments.format {
        sinks.push(Sink::Standard(form));
    } else if sinks.is_empty() {
        sinks.push(Sink::Standard(Form::Compact));
    }
    Ok((sinks, before))
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
