//! Records one container of each runtime that is installed, for tests/tests/recorded.rs: as root, with
//! `TRACER_BIN` naming the program and the folder to write to as the only argument. What a recording
//! tells of the machine is taken out.

use std::fs;
use std::path::PathBuf;

use tracer_tests::binary::tracer;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::neutral;

const ALL: [Runtime; 9] = [
    Runtime::Unshare,
    Runtime::Bwrap,
    Runtime::Nspawn,
    Runtime::Lxc,
    Runtime::Runc,
    Runtime::Crun,
    Runtime::Youki,
    Runtime::Podman,
    Runtime::Docker,
];

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.expect("a folder to write to");
    let own = folder.join("tracer");
    fs::create_dir_all(&own).expect("a folder");
    run(&own.join("recording"));
    for runtime in ALL {
        if let Some(mut subject) = Subject::new(runtime) {
            let to = folder.join(runtime.name());
            fs::create_dir_all(&to).expect("a folder");
            record(&subject, &to.join("recording"));
            assert_eq!(subject.left(), [""; 0]);
        }
    }
}

/// What passes, of tracer's own runtime.
fn run(to: &std::path::Path) {
    // For its root folder: the host's has folders of this machine alone.
    let subject = Subject::new(Runtime::Unshare).expect("unshare and busybox");
    let (runs, root) = (&subject.runs, subject.rootfs());
    let recording = runs.word("recording");
    let image = format!("box@sha256:{}", "0".repeat(64));
    let root = root.to_str().expect("text");
    let asked = [
        "--rootfs",
        root,
        "--subject",
        &image,
        "--record",
        &recording,
    ];
    let said = runs.run(&[&asked[..], &["/bin/true"]].concat());
    println!("tracer: {}", said.code());
    neutral::copy(recording.as_ref(), to);
}

fn record(subject: &Subject, to: &std::path::Path) {
    let recording = subject.runs.word("recording");
    let digest = "0".repeat(64);
    let image = format!("box@sha256:{digest}");
    let mut words = vec![
        "verify",
        "--preset",
        "unshared",
        "--preset",
        "pss-restricted",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    words.extend([
        "--subject".to_owned(),
        image,
        "--record".to_owned(),
        recording.clone(),
    ]);
    for pid in subject.daemons() {
        words.extend(["--daemon".to_owned(), pid.to_string()]);
    }
    words.push("--".to_owned());
    words.extend(subject.words("recorded", &Request::new(&["/bin/true"])));
    let (mark, value) = subject.runs.mark();
    let said = subject.runs.finish(tracer(&words).env(mark, value));
    println!("{}: {}", subject.runtime.name(), said.code());
    neutral::copy(recording.as_ref(), to);
}
