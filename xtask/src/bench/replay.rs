//! `cargo xtask bench replay`: records a second through decode, model, judgement and each report, whether
//! that stays so in longer recordings, and what an audit of many containers takes. Owns the sizes, the
//! rounds and the goals; the program `measure` holds the clock. Each value is of a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use super::stats;
use crate::shell;

#[derive(Args)]
pub struct Options {
    /// How often each size is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Records of a recording; each is held against the first.
const SIZES: [u64; 4] = [125_000, 250_000, 500_000, 1_000_000];
const FORMATS: [&str; 8] = [
    "junit", "sarif", "tap", "markdown", "html", "json", "trace", "attest",
];
/// Records a second through decode and model, on one core.
const GOAL: f64 = 2_000_000.0;
/// The machine's cgroups, containers that live, and tasks of each.
const AUDITS: [(&str, u64, u64); 7] = [
    ("hybrid", 10, 1),
    ("hybrid", 100, 1),
    ("hybrid", 1000, 1),
    ("hybrid", 10_000, 1),
    ("hybrid", 10_000, 10),
    ("v2", 1000, 1),
    ("v2", 10_000, 1),
];
/// So many come and go beside them: memory must stay where it was.
const LIVES: u64 = 10_020;

/// The command.
pub fn command(options: &Options) -> Result<()> {
    let measure = shell::build_measure()?;
    let target = measure
        .parent()
        .context("the built program is in no folder")?;
    let folder = target.join("bench-replay");
    fs::create_dir_all(&folder).context("cannot create a folder for recordings")?;
    let mut sizes = Vec::new();
    for size in SIZES {
        println!("{size} records");
        sizes.push(of_size(&measure, &folder, size, options.rounds)?);
    }
    print_parts(&sizes);
    print_reports(&sizes);
    let mut audits = Vec::new();
    for (cgroups, containers, tasks) in AUDITS {
        let words = [containers, tasks, LIVES].map(|number| number.to_string());
        let words = ["audit", cgroups, &words[0], &words[1], &words[2]];
        audits.push(measured(&measure, &words)?);
    }
    print_audits(&audits);
    let record = json!({
        "rounds": options.rounds,
        "sizes": sizes,
        "audits": audits,
    });
    let path: PathBuf = shell::root().join("bench/replay.json");
    let text = serde_json::to_string_pretty(&record)?;
    fs::write(&path, text + "\n").context("cannot write bench/replay.json")?;
    println!("\nevery value: bench/replay.json");
    Ok(())
}

/// What the program says, which is JSON.
fn measured(measure: &Path, words: &[&str]) -> Result<Value> {
    let said = shell::read(Command::new(measure).args(words))?;
    serde_json::from_str(&said).context("the program measure said something else than JSON")
}

/// All that there is to measure of one size.
fn of_size(measure: &Path, folder: &Path, size: u64, rounds: u32) -> Result<Value> {
    let file = folder.join(format!("{size}.trace"));
    let name = file.to_str().context("a path that is no text")?;
    let recording = measured(measure, &["multiply", &size.to_string(), name])?;
    let replays: Vec<Value> = (0..rounds)
        .map(|_| measured(measure, &["replay", name]))
        .collect::<Result<_>>()?;
    let mut reports = Map::new();
    for format in FORMATS {
        let report = measured(measure, &["report", format, name])?;
        reports.insert(format.to_owned(), report);
    }
    fs::remove_file(&file).context("cannot remove a recording")?;
    Ok(json!({"recording": recording, "replays": replays, "reports": reports}))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// The middle one of the rounds.
fn median(size: &Value, of: impl Fn(&Value) -> f64) -> f64 {
    let rounds = size["replays"].as_array();
    let values: Vec<f64> = rounds.into_iter().flatten().map(of).collect();
    stats::summary(&values).map_or(f64::NAN, |summary| summary.median)
}

fn print_parts(sizes: &[Value]) {
    println!(
        "\nrecords   containers   decode   model   both, million records/s   judge, s   peak, MiB   \
         time per record, x the smallest: decode+model, judge"
    );
    let both = |round: &Value| number(&round["decode_s"]) + number(&round["model_s"]);
    let per_record = |size: &Value, seconds: f64| seconds / number(&size["recording"]["records"]);
    for size in sizes {
        let records = number(&size["recording"]["records"]);
        let million = |seconds: f64| records / seconds / 1e6;
        let judge = |round: &Value| number(&round["judge_s"]);
        let ratio = |of: &dyn Fn(&Value) -> f64| {
            let base = sizes
                .first()
                .map_or(f64::NAN, |first| per_record(first, median(first, of)));
            per_record(size, median(size, of)) / base
        };
        println!(
            "{records:<9} {:<12} {:>6.2} {:>7.2} {:>23.2} {:>10.2} {:>11.0}   {:.2}, {:.2}",
            median(size, |round| number(&round["containers"])),
            million(median(size, |round| number(&round["decode_s"]))),
            million(median(size, |round| number(&round["model_s"]))),
            million(median(size, both)),
            median(size, judge),
            median(size, |round| number(&round["judge_peak_kib"])) / 1024.0,
            ratio(&both),
            ratio(&judge),
        );
    }
    if let Some(largest) = sizes.last() {
        let rate = number(&largest["recording"]["records"]) / median(largest, both);
        let reached = if rate >= GOAL {
            "reached"
        } else {
            "not reached"
        };
        println!("goal of {GOAL} records a second through decode and model: {reached}");
    }
}

fn print_reports(sizes: &[Value]) {
    println!(
        "\nreport      seconds of {} records   MiB   peak above replay, MiB   time per record, x the smallest",
        sizes
            .last()
            .map_or(0.0, |size| number(&size["recording"]["records"]))
    );
    for format in FORMATS {
        let per_record = |size: &Value| {
            let seconds = number(&size["reports"][format]["report_s"]);
            seconds / number(&size["recording"]["records"])
        };
        let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
            continue;
        };
        let ratios: Vec<String> = sizes
            .iter()
            .map(|size| format!("{:.2}", per_record(size) / per_record(first)))
            .collect();
        let report = &last["reports"][format];
        let above = number(&report["report_peak_kib"]) - number(&report["replay_peak_kib"]);
        println!(
            "{format:<11} {:>26.2} {:>7.1} {:>22.0}   {}",
            number(&report["report_s"]),
            number(&report["bytes"]) / 1048576.0,
            above / 1024.0,
            ratios.join(" ")
        );
    }
}

fn print_audits(audits: &[Value]) {
    println!(
        "\ncgroups   living containers   tasks     lives    ns per event   KiB per container   resident, MiB   after half of the lives, after all"
    );
    for audit in audits {
        let kib = |name: &str| number(&audit[name]);
        println!(
            "{:<9} {:<19} {:<9} {:<8} {:>12.0} {:>19.2} {:>15.1}   {:.1}, {:.1}",
            audit["cgroups"].as_str().unwrap_or_default(),
            number(&audit["living"]),
            number(&audit["tasks"]),
            number(&audit["lives"]),
            number(&audit["event_mean_ns"]),
            (kib("full_kib") - kib("empty_kib")) / number(&audit["containers"]),
            kib("full_kib") / 1024.0,
            kib("half_kib") / 1024.0,
            kib("end_kib") / 1024.0,
        );
    }
}
