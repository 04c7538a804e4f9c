//! `cargo xtask bench startup`: the time from starting a tool to its end, for a container that
//! runs /bin/true, and what observing it adds. Owns the rounds and the other tools' command lines.
//! It must not compare values from different rounds.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::stats;
use crate::exit::{Found, Unable};
use crate::{route, setup, shell};

#[derive(Args)]
pub struct Options {
    /// How often each tool is run
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

const ROUNDS: u32 = 15;

impl Default for Options {
    fn default() -> Self {
        Self { rounds: ROUNDS }
    }
}

/// A tool and the values measured for it, one a round.
struct Subject {
    name: &'static str,
    command: fn(&Bench) -> Command,
    milliseconds: Vec<f64>,
}

/// What the subjects' command lines refer to.
struct Bench {
    tracer: PathBuf,
    /// Holds an OCI bundle, a runtime's state and a report.
    folder: PathBuf,
    /// Where cgroup2 is mounted below the v1 hierarchies, which crun refuses to work with.
    hybrid: bool,
}

const BASE: &str = "unshare";

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if !shell::is_root()? {
        let way = shell::as_root("bench");
        bail!(Unable(format!(
            "starting containers needs root; run `{way}`"
        )));
    }
    setup::ensure(&setup::BENCH)?;
    let bench = Bench::prepare()?;
    let mut subjects = [
        Subject {
            name: BASE,
            command: |_| unshare(),
            milliseconds: Vec::new(),
        },
        Subject {
            name: "tracer",
            command: Bench::tracer,
            milliseconds: Vec::new(),
        },
        Subject {
            name: "crun",
            command: Bench::crun,
            milliseconds: Vec::new(),
        },
    ];

    println!(
        "{} rounds, each tool in turn, after one to warm up",
        options.rounds
    );
    if bench.hybrid {
        println!(
            "crun includes an `unshare -m` without cgroup2: it refuses a machine that has both versions"
        );
    }
    for subject in &subjects {
        time(&mut (subject.command)(&bench))?;
    }
    for _ in 0..options.rounds {
        for subject in &mut subjects {
            let milliseconds = time(&mut (subject.command)(&bench))?;
            subject.milliseconds.push(milliseconds);
        }
    }
    // In runs of their own, so that writing the report does not count as starting.
    let timings: Vec<Value> = (0..options.rounds)
        .map(|_| bench.timing())
        .collect::<Result<_>>()?;

    print_table(&subjects, &timings);
    let milliseconds: Map<String, Value> = subjects
        .iter()
        .map(|subject| (subject.name.to_owned(), json!(subject.milliseconds)))
        .collect();
    let record = json!({
        "payload": "/bin/true",
        "rounds": options.rounds,
        "milliseconds": milliseconds,
        "timing": timings,
    });
    write_record(&record)
}

fn print_table(subjects: &[Subject], timings: &[Value]) {
    let base = subjects.iter().find(|subject| subject.name == BASE);
    let base = base.map_or(&[][..], |subject| &subject.milliseconds);
    println!();
    println!("milliseconds          min   median      max      x {BASE} of the same round");
    for subject in subjects {
        let ratio = stats::summary(&stats::ratios(&subject.milliseconds, base));
        let ratio = ratio.map_or_else(String::new, |ratio| {
            format!("{:.2} ({:.2} .. {:.2})", ratio.median, ratio.min, ratio.max)
        });
        print_row(subject.name, &subject.milliseconds, &ratio);
    }
    for (name, field) in [
        ("tracer, attach", "attach_us"),
        ("tracer, detach", "detach_us"),
    ] {
        let microseconds = timings.iter().filter_map(|timing| timing[field].as_f64());
        let milliseconds: Vec<f64> = microseconds.map(|value| value / 1000.0).collect();
        print_row(name, &milliseconds, "");
    }
}

fn print_row(name: &str, milliseconds: &[f64], note: &str) {
    match stats::summary(milliseconds) {
        Some(stats::Summary { min, median, max }) => {
            println!("{name:<16} {min:>8.2} {median:>8.2} {max:>8.2}      {note}");
        }
        None => println!("{name:<16} not measured"),
    }
}

fn write_record(record: &Value) -> Result<()> {
    let path = shell::root().join("bench/startup.json");
    fs::create_dir_all(shell::root().join("bench")).context("cannot create the folder bench")?;
    let text = serde_json::to_string_pretty(record).context("cannot write the values as JSON")?;
    fs::write(&path, text + "\n").context("cannot write bench/startup.json")?;
    println!("\nevery value: bench/startup.json");
    Ok(())
}

/// Milliseconds from starting a program to its end. It must succeed: a failure is fast.
fn time(command: &mut Command) -> Result<f64> {
    let shown = shell::show(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let output = command
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let elapsed = start.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(Found(format!(
            "`{shown}` failed with {}: {}",
            output.status,
            said.trim()
        )));
    }
    Ok(elapsed.as_secs_f64() * 1000.0)
}

impl Bench {
    fn prepare() -> Result<Self> {
        let tracer = shell::build_release()?;
        let target = tracer
            .parent()
            .context("the built tracer is in no folder")?;
        let folder = target.join("bench-startup");
        let bench = Self {
            hybrid: Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists(),
            tracer,
            folder,
        };
        bench.write_bundle()?;
        Ok(bench)
    }

    fn tracer(&self) -> Command {
        let mut tracer = plain(&self.tracer);
        tracer.args(["run", "--", "/bin/true"]);
        tracer
    }

    fn crun(&self) -> Command {
        let mut crun = if self.hybrid {
            // crun takes a hybrid machine's cgroup2 for all there is. Only this private mount
            // namespace loses sight of it.
            let mut unshare = plain("unshare");
            unshare.args(["-m", "--propagation", "private", "sh", "-c"]);
            unshare.args(["umount /sys/fs/cgroup/unified; exec \"$@\"", "sh", "crun"]);
            unshare
        } else {
            plain("crun")
        };
        crun.arg("--root").arg(self.folder.join("state"));
        crun.args(["run", "--bundle"])
            .arg(&self.folder)
            .arg("tracer-bench-startup");
        crun
    }

    /// The times that tracer reports for one run.
    fn timing(&self) -> Result<Value> {
        let report = self.folder.join("report.json");
        let mut tracer = plain(&self.tracer);
        time(
            tracer
                .args(["run", "--json"])
                .arg(&report)
                .args(["--", "/bin/true"]),
        )?;
        let text = fs::read_to_string(&report).context("cannot read tracer's report")?;
        let mut report: Value =
            serde_json::from_str(&text).context("tracer's report is not JSON")?;
        Ok(report["timing"].take())
    }

    /// An OCI bundle whose only program is busybox.
    fn write_bundle(&self) -> Result<()> {
        let busybox = route::find_program("busybox").context("busybox is not on PATH")?;
        let bin = self.folder.join("rootfs/bin");
        fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
        fs::copy(busybox, bin.join("busybox")).context("cannot copy busybox into the bundle")?;
        let link = bin.join("true");
        if !link.exists() {
            symlink("busybox", &link).context("cannot link /bin/true in the bundle")?;
        }
        for folder in ["proc", "dev"] {
            let path = self.folder.join("rootfs").join(folder);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot create {}", path.display()))?;
        }
        let config = self.folder.join("config.json");
        fs::write(&config, bundle_config().to_string())
            .context("cannot write the bundle's config.json")
    }
}

fn unshare() -> Command {
    let mut unshare = plain("unshare");
    unshare.args(["-fpmuinCUrT", "--mount-proc", "--kill-child", "/bin/true"]);
    unshare
}

/// With namespaces like those of the other two, and nothing else that would take time.
fn bundle_config() -> Value {
    let namespaces = ["pid", "mount", "uts", "ipc", "network", "cgroup", "user"];
    let mapping = json!([{"containerID": 0, "hostID": 0, "size": 1}]);
    json!({
        "ociVersion": "1.0.2",
        "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {
            "namespaces": namespaces.map(|kind| json!({"type": kind})),
            "uidMappings": mapping,
            "gidMappings": mapping,
        },
    })
}

/// A program without the library path that cargo sets, which each one would search first.
fn plain(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    command
}
