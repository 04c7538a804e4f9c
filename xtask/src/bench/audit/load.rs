//! The auditor under load, and at rest. Owns the load: as many processes as the machine can make, and containers
//! beside them at a steady rate; and what the auditor says of it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::clock;
use super::observer::{Observer, ask};
use crate::exit::Found;
use crate::vm::find;

/// Containers a second: half by unshare, half by runc where it is.
const RATE: u32 = 20;
/// The payload's name, by which its birth is found again.
const PAYLOAD: &str = "bench-payload";

/// For so many seconds. Everything is counted by who made it and by the auditor.
pub fn under_load(tracer: &Path, folder: &Path, seconds: u32) -> Result<Value> {
    let bundle = Bundle::make(folder)?;
    let output = folder.join("load.jsonl");
    let watching = Observer::Economy.start(tracer, &output)?;
    let pid = watching.pid().context("no auditor")?;
    let before = cpu_ns(pid)?;
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let (stop, processes) = (AtomicBool::new(false), AtomicU64::new(0));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let made = thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    if Command::new("/bin/true").status().is_ok() {
                        processes.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let made = containers(&bundle, end);
        stop.store(true, Ordering::Relaxed);
        made
    })?;
    // What is on its way is read.
    clock::pass(Duration::from_secs(2));
    let cpu = cpu_ns(pid)?.saturating_sub(before);
    let metrics = ask("/metrics")?.1;
    let resident = resident_kib(pid)?;
    watching.end()?;
    let (told, lost) = told(&output)?;
    Ok(json!({
        "seconds": seconds,
        "processes": processes.into_inner(),
        "containers": made,
        "births_told": told,
        "loss_records": lost,
        "lost": sum(&metrics, "tracer_audit_lost_events_total"),
        "auditor_cpu_ns": cpu,
        "auditor_resident_kib": resident,
    }))
}

/// Makes them at their rate until the end, and gives how many.
fn containers(bundle: &Bundle, end: Instant) -> Result<u32> {
    let pause = Duration::from_secs(1) / RATE;
    let begin = Instant::now();
    let mut children = Vec::new();
    let mut made = 0;
    while Instant::now() < end {
        let mut command = bundle.command(made);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        children.push(command.spawn().context("cannot start a container")?);
        made += 1;
        let due = begin + pause * made;
        clock::pass(due.saturating_duration_since(Instant::now()));
        if children.len() > 64 {
            for mut child in children.drain(..32) {
                succeeded(&mut child)?;
            }
        }
    }
    for mut child in children {
        succeeded(&mut child)?;
    }
    Ok(made)
}

fn succeeded(child: &mut std::process::Child) -> Result<()> {
    let status = child.wait().context("cannot wait for a container")?;
    if !status.success() {
        bail!(Found(format!("a container failed with {status}")));
    }
    Ok(())
}

/// A bundle for runc, and the payload that unshare is given.
struct Bundle {
    folder: PathBuf,
    runc: bool,
}

impl Bundle {
    fn make(folder: &Path) -> Result<Self> {
        let folder = folder.join("bundle");
        let _there = fs::remove_dir_all(&folder);
        let bin = folder.join("rootfs/bin");
        fs::create_dir_all(&bin).context("cannot make the bundle")?;
        let busybox = find("busybox").context("no busybox")?;
        fs::copy(&busybox, bin.join("busybox")).context("cannot copy busybox")?;
        fs::copy("/bin/true", bin.join(PAYLOAD)).context("cannot copy true")?;
        let runc = find("runc").is_some();
        let bundle = Self { folder, runc };
        if runc {
            bundle.configure()?;
        }
        Ok(bundle)
    }

    fn configure(&self) -> Result<()> {
        let path = self.folder.join("config.json");
        let _there = fs::remove_file(&path);
        let made = Command::new("runc")
            .arg("spec")
            .current_dir(&self.folder)
            .status();
        made.context("cannot run runc")?;
        let text = fs::read_to_string(&path).context("runc wrote no config.json")?;
        let mut config: Value = serde_json::from_str(&text)?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/busybox", "true"]);
        fs::write(&path, config.to_string()).context("cannot write config.json")
    }

    fn command(&self, number: u32) -> Command {
        if self.runc && number % 2 == 1 {
            let mut runc = Command::new("runc");
            runc.args(["run", "--bundle"]).arg(&self.folder);
            runc.arg(format!("bench-{}-{number}", std::process::id()));
            return runc;
        }
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--net", "--fork"]);
        unshare.arg(self.folder.join("rootfs/bin").join(PAYLOAD));
        unshare
    }
}

/// Births of payloads, and records of a loss.
fn told(output: &Path) -> Result<(u64, u64)> {
    let file = File::open(output).context("the auditor wrote nothing")?;
    let (mut births, mut losses) = (0, 0);
    for line in BufReader::new(file).lines() {
        let record: Value = serde_json::from_str(&line?).context("not a record")?;
        match record["type"].as_str() {
            Some("container_born") if is_payload(&record) => births += 1,
            Some("loss") => losses += 1,
            _ => {}
        }
    }
    Ok((births, losses))
}

fn is_payload(record: &Value) -> bool {
    let executable = record["process"]["executable"].as_str().unwrap_or_default();
    executable.ends_with(PAYLOAD) || executable == "/bin/busybox"
}

fn sum(metrics: &str, name: &str) -> f64 {
    let samples = metrics.lines().filter(|line| line.starts_with(name));
    let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// Processor time of all threads of a process, in nanoseconds.
fn cpu_ns(pid: u32) -> Result<u64> {
    let folder = format!("/proc/{pid}/task");
    let mut sum = 0;
    for task in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().context("no schedstat")?;
        sum += first.parse::<u64>().context("no number")?;
    }
    Ok(sum)
}

fn resident_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.context("no VmRSS")?.parse().context("no number")
}

/// What the auditor takes of a processor while little happens.
pub fn at_rest(tracer: &Path, folder: &Path, seconds: u32) -> Result<Value> {
    let watching = Observer::Economy.start(tracer, &folder.join("rest.jsonl"))?;
    let pid = watching.pid().context("no auditor")?;
    clock::pass(Duration::from_secs(2));
    let before = cpu_ns(pid)?;
    let start = Instant::now();
    clock::pass(Duration::from_secs(seconds.into()));
    let (cpu, wall) = (cpu_ns(pid)?.saturating_sub(before), start.elapsed());
    let resident = resident_kib(pid)?;
    watching.end()?;
    Ok(json!({
        "seconds": wall.as_secs_f64(),
        "auditor_cpu_ns": cpu,
        "share_of_a_core": Duration::from_nanos(cpu).as_secs_f64() / wall.as_secs_f64(),
        "auditor_resident_kib": resident,
    }))
}
