//! `cargo xtask bench audit`: what `tracer audit` costs the kernel and the host, beside other tools on the same
//! hooks, under load and at rest. Owns the rounds and the record. It must not compare values from different rounds.

mod clock;
mod kernel;
mod load;
mod observer;
mod work;

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use self::observer::Observer;
use self::work::Work;
use super::stats;
use crate::exit::{Found, Unable};
use crate::{setup, shell, vm};

#[derive(Args)]
pub struct Options {
    /// How often each observer is measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// For how many seconds the auditor is put under load, and left at rest
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these parts
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Does the work once, in this process, and prints nanoseconds
    #[arg(long, hide = true, value_enum, requires = "turns")]
    work: Option<Work>,
    #[arg(long, hide = true)]
    turns: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Run times of the programs in the kernel
    Kernel,
    /// Loops and a build, under each observer in turn
    Host,
    /// As many processes as the machine can make, and containers beside them
    Load,
    /// Nothing happens
    Rest,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Host => "host",
            Self::Load => "load",
            Self::Rest => "rest",
        }
    }
}

const IN_KERNEL: [Observer; 7] = [
    Observer::Economy,
    Observer::EconomyByHelper,
    Observer::Exact,
    Observer::ExactByHelper,
    Observer::Bpftrace,
    Observer::Execsnoop,
    Observer::Mountsnoop,
];
const ON_HOST: [Observer; 6] = [
    Observer::Nobody,
    Observer::Economy,
    Observer::Exact,
    Observer::Bpftrace,
    Observer::PerfTrace,
    Observer::Strace,
];

/// Those whose cost for a loop of processes is so small that it takes many rounds to be seen.
const CLOSE: [Observer; 3] = [Observer::Nobody, Observer::Economy, Observer::Exact];
/// So many rounds of that loop for each of the others.
const CLOSER: u32 = 20;

/// Where everything is that the parts need.
struct Bench {
    tracer: PathBuf,
    folder: PathBuf,
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    let folder = shell::root().join("target/bench-audit");
    if let (Some(work), Some(turns)) = (options.work, options.turns) {
        println!("{}", work.timed(turns, &folder.join("small"))?);
        return Ok(());
    }
    if !shell::is_root()? {
        let way = shell::as_root("bench audit");
        bail!(Unable(format!("observing needs root; run `{way}`")));
    }
    setup::ensure(&setup::BENCH_AUDIT)?;
    fs::create_dir_all(&folder).context("cannot make target/bench-audit")?;
    let bench = Bench {
        tracer: shell::build_release()?,
        folder,
    };
    let chosen = |part: Part| options.part.is_empty() || options.part.contains(&part);
    let mut record = kept()?;
    for part in Part::value_variants().iter().filter(|part| chosen(**part)) {
        println!("\n{}:", part.name());
        let found = match part {
            Part::Kernel => bench.kernel()?,
            Part::Host => bench.host(options.rounds)?,
            Part::Load => load::under_load(&bench.tracer, &bench.folder, options.seconds)?,
            Part::Rest => load::at_rest(&bench.tracer, &bench.folder, options.seconds)?,
        };
        if matches!(part, Part::Load | Part::Rest) {
            println!("{found:#}");
        }
        record.insert(part.name().to_owned(), found);
    }
    write(&record)
}

/// Whether it can be had; says so if not.
fn is_there(observer: Observer) -> bool {
    let missing = observer.program().filter(|name| vm::find(name).is_none());
    if let Some(program) = missing {
        println!("left out: {}: {program} is not installed", observer.name());
    }
    missing.is_none()
}

impl Bench {
    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    fn kernel(&self) -> Result<Value> {
        let mut all = Map::new();
        for observer in IN_KERNEL.into_iter().filter(|one| is_there(*one)) {
            let found = kernel::measure(observer, &self.tracer, &self.output())?;
            println!("{}", observer.name());
            for (during, programs) in found.as_object().into_iter().flatten() {
                for (program, runs) in programs.as_object().into_iter().flatten() {
                    let (count, ns) = (runs["runs"].as_f64(), runs["ns"].as_f64());
                    let (count, ns) = (count.unwrap_or(1.0), ns.unwrap_or_default());
                    println!(
                        "  {during:<11} {program:<24} {:>8.0} ns x {count}",
                        ns / count
                    );
                }
            }
            all.insert(observer.name().to_owned(), found);
        }
        Ok(Value::Object(all))
    }

    /// Every observer in turn, each work under each.
    fn host(&self, rounds: u32) -> Result<Value> {
        let observers: Vec<Observer> = ON_HOST.into_iter().filter(|one| is_there(*one)).collect();
        let mut values: Vec<[Vec<f64>; 3]> = vec![Default::default(); observers.len()];
        // The first is to warm up.
        for round in 0..=rounds {
            for (at, observer) in observers.iter().enumerate() {
                let watching = observer.start(&self.tracer, &self.output())?;
                for (work, values) in Work::ALL.into_iter().zip(&mut values[at]) {
                    let value = Self::timed(*observer, work)?;
                    if round > 0 {
                        values.push(value);
                    }
                }
                watching.end()?;
            }
        }
        print_table(&observers, &values);
        let all = observers.iter().zip(&values).map(|(observer, values)| {
            let works = Work::ALL.into_iter().zip(values);
            let works = works.map(|(work, values)| (work.name().to_owned(), json!(values)));
            let works: Map<String, Value> = works.collect();
            (observer.name().to_owned(), Value::Object(works))
        });
        Ok(json!({
            "rounds": rounds,
            "nanoseconds": all.collect::<Map<_, _>>(),
            "process_nanoseconds": self.closely(rounds * CLOSER)?,
        }))
    }

    /// The loop of processes alone, each round in the other order than the one before.
    fn closely(&self, rounds: u32) -> Result<Value> {
        let mut values: [Vec<f64>; CLOSE.len()] = Default::default();
        for round in 0..=rounds {
            let mut order: Vec<usize> = (0..CLOSE.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                let watching = CLOSE[at].start(&self.tracer, &self.output())?;
                let value = Self::timed(CLOSE[at], Work::Process)?;
                watching.end()?;
                if round > 0 {
                    values[at].push(value);
                }
            }
        }
        println!(
            "\n{}, x nobody of the same round, median of {rounds} and between which it lies at 95 %",
            Work::Process.name()
        );
        for (observer, own) in CLOSE.iter().zip(&values).skip(1) {
            let ratios = stats::ratios(own, &values[0]);
            if let (Some(all), Some((low, high))) =
                (stats::summary(&ratios), stats::median_interval(&ratios))
            {
                println!(
                    "{:<24} {:.4} ({low:.4} .. {high:.4})",
                    observer.name(),
                    all.median
                );
            }
        }
        let all = CLOSE.iter().zip(&values);
        let all = all.map(|(observer, own)| (observer.name().to_owned(), json!(own)));
        Ok(Value::Object(all.collect()))
    }

    fn timed(observer: Observer, work: Work) -> Result<f64> {
        let turns = work.turns(observer.wraps());
        let own = env::current_exe().context("where this program is")?;
        let words = ["bench", "audit", "--work", work.name(), "--turns"].map(str::to_owned);
        let words = [&words[..], &[turns.to_string()]].concat();
        let output = observer.around(&own, &words).output();
        let output = output.with_context(|| format!("cannot start {}", work.name()))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = said.trim().parse::<f64>();
        value.map_err(|_| {
            let error = String::from_utf8_lossy(&output.stderr);
            let name = observer.name();
            Found(format!("{} under {name}: {said}{error}", work.name())).into()
        })
    }
}

fn print_table(observers: &[Observer], values: &[[Vec<f64>; 3]]) {
    for (at, work) in Work::ALL.into_iter().enumerate() {
        println!(
            "\n{}, microseconds           min     median        max      x nobody of the same round",
            work.name()
        );
        for (observer, own) in observers.iter().zip(values) {
            let ratio = stats::summary(&stats::ratios(&own[at], &values[0][at]));
            if let (Some(own), Some(ratio)) = (stats::summary(&own[at]), ratio) {
                println!(
                    "{:<24} {:>12.3} {:>10.3} {:>10.3}      {:.3} ({:.3} .. {:.3})",
                    observer.name(),
                    own.min / 1e3,
                    own.median / 1e3,
                    own.max / 1e3,
                    ratio.median,
                    ratio.min,
                    ratio.max
                );
            }
        }
    }
}

fn path() -> PathBuf {
    shell::root().join("bench/audit.json")
}

/// Parts that were measured before stay.
fn kept() -> Result<Map<String, Value>> {
    let Ok(text) = fs::read_to_string(path()) else {
        return Ok(Map::new());
    };
    serde_json::from_str(&text).context("bench/audit.json is no document")
}

fn write(record: &Map<String, Value>) -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("no release")?;
    let mut record = record.clone();
    record.insert("kernel_release".to_owned(), json!(release.trim()));
    let text = serde_json::to_string_pretty(&record)?;
    fs::write(path(), text + "\n").context("cannot write bench/audit.json")?;
    println!("\nevery value: bench/audit.json");
    Ok(())
}
