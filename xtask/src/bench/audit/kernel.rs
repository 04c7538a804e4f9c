//! What programs cost in the kernel, by the kernel's own statistics. Owns switching these on, and the reading; must
//! not know what is done meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::clock;
use super::observer::{Observer, Watching, ask};

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
/// The auditor puts its numbers up once a second.
const SETTLED: Duration = Duration::from_millis(2500);
/// Processes of the host, and containers, that are made.
const PROCESSES: u32 = 2000;
const CONTAINERS: u32 = 200;

/// The kernel measures how often each program runs, and for how long, as long as this is there.
pub struct Statistics {
    before: String,
}

impl Statistics {
    pub fn on() -> Result<Self> {
        let before = fs::read_to_string(SWITCH).with_context(|| format!("cannot read {SWITCH}"))?;
        fs::write(SWITCH, "1").with_context(|| format!("cannot write {SWITCH}"))?;
        Ok(Self { before })
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        let _as_it_was = fs::write(SWITCH, self.before.trim());
    }
}

/// Runs and nanoseconds of each program of an observer, by its name, or by its number where that has none.
type Runs = BTreeMap<String, (f64, f64)>;

fn runs(observer: Observer, watching: &Watching) -> Result<Runs> {
    if observer.is_auditor() {
        clock::pass(SETTLED);
        Ok(of_metrics(&ask("/metrics")?.1))
    } else {
        of_descriptors(watching.pid().context("nobody observes")?)
    }
}

/// From the auditor's own account, which has their names.
fn of_metrics(text: &str) -> Runs {
    let mut runs = Runs::new();
    for line in text.lines() {
        let sample = |name: &str| {
            let rest = line.strip_prefix(name)?.strip_prefix("{program=\"")?;
            let (program, value) = rest.split_once("\"} ")?;
            Some((program.to_owned(), value.parse::<f64>().ok()?))
        };
        if let Some((program, count)) = sample("tracer_audit_program_runs_total") {
            runs.entry(program).or_default().0 = count;
        } else if let Some((program, seconds)) = sample("tracer_audit_program_run_seconds_total") {
            runs.entry(program).or_default().1 = seconds * 1e9;
        }
    }
    runs
}

/// From what /proc tells of descriptors of programs, which has no names.
fn of_descriptors(pid: u32) -> Result<Runs> {
    let mut runs = Runs::new();
    let folder = format!("/proc/{pid}/fdinfo");
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        // It may be closed meanwhile.
        let Ok(text) = fs::read_to_string(entry?.path()) else {
            continue;
        };
        if let Some((id, count, time)) = of_descriptor(&text) {
            runs.insert(format!("program {id}"), (count, time));
        }
    }
    Ok(runs)
}

fn of_descriptor(text: &str) -> Option<(u64, f64, f64)> {
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(own, _)| *own == name);
        values.next().map(|(_, value)| value.trim())
    };
    let number = |name: &str| value(name)?.parse::<f64>().ok();
    let id = value("prog_id")?.parse().ok()?;
    Some((id, number("run_cnt")?, number("run_time_ns")?))
}

/// Runs and nanoseconds of an observer's programs while processes of the host are made, and while containers
/// are.
pub fn measure(observer: Observer, tracer: &Path, output: &Path) -> Result<Value> {
    let _statistics = Statistics::on()?;
    let watching = observer.start(tracer, output)?;
    let mut found = serde_json::Map::new();
    let kinds: [(&str, u32, &[&str]); 2] = [
        ("processes", PROCESSES, &["/bin/true"]),
        (
            "containers",
            CONTAINERS,
            &["unshare", "--mount", "--pid", "--net", "--fork", "true"],
        ),
    ];
    for (name, turns, words) in kinds {
        let before = runs(observer, &watching)?;
        for _ in 0..turns {
            let status = Command::new(words[0]).args(&words[1..]).status();
            status.with_context(|| format!("cannot run {}", words[0]))?;
        }
        let after = runs(observer, &watching)?;
        found.insert(name.to_owned(), between(&before, &after));
    }
    watching.end()?;
    Ok(Value::Object(found))
}

fn between(before: &Runs, after: &Runs) -> Value {
    let mut all = serde_json::Map::new();
    for (program, (count, time)) in after {
        let (count_before, time_before) = before.get(program).copied().unwrap_or_default();
        let (count, time) = (count - count_before, time - time_before);
        if count > 0.0 {
            all.insert(program.clone(), json!({ "runs": count, "ns": time }));
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_between_is_the_difference() {
        let before = Runs::from([("a".to_owned(), (2.0, 100.0)), ("b".to_owned(), (1.0, 5.0))]);
        let after = Runs::from([("a".to_owned(), (6.0, 500.0)), ("b".to_owned(), (1.0, 5.0))]);
        assert_eq!(
            between(&before, &after),
            json!({ "a": { "runs": 4.0, "ns": 400.0 } })
        );
    }

    #[test]
    fn the_auditors_account_is_read_by_name() {
        let text = "# TYPE x counter\n\
            tracer_audit_program_runs_total{program=\"exec\"} 7\n\
            tracer_audit_program_run_seconds_total{program=\"exec\"} 0.000003\n";
        assert_eq!(
            of_metrics(text),
            Runs::from([("exec".to_owned(), (7.0, 3000.0))])
        );
    }

    #[test]
    fn a_descriptor_of_a_program_tells_its_runs() {
        let text = "pos:\t0\nprog_type:\t26\nprog_id:\t41\nrun_time_ns:\t900\nrun_cnt:\t3\n";
        assert_eq!(of_descriptor(text), Some((41, 3.0, 900.0)));
        assert_eq!(of_descriptor("pos:\t0\n"), None);
    }
}
