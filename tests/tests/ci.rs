//! What CI servers run, from outside: the scripts of `action.yml` with fake files of the environment
//! and a fake tracer, merged reports, signed attestations. Needs no root.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tracer_tests::binary::tracer;

/// The examples of this checkout.
fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("a workspace").join("examples/ci").join(name)
}

/// A tracer that writes down its words and the report that it is told to, and ends with `code`.
fn fake(folder: &Path, code: u8, verdict: &str) -> PathBuf {
    let path = folder.join("tracer");
    let words = folder.join("words");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\nwhile [ $# -gt 0 ]; do\n  case $1 in\n  --json) \
         printf '{{\\n  \"timing\": {{\\n    \"verdict\": \"inner\"\\n  }},\\n  \"verdict\": \"{verdict}\"\\n}}\\n' > \"$2\" ;;\n  \
         --junit|--sarif|--html) echo x > \"$2\" ;;\n  esac\n  shift\ndone\nexit {code}\n",
        words.display()
    );
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    path
}

/// The verifying step of the action with these inputs; its end, and what it put out.
fn step(folder: &TempDir, program: &Path, inputs: &[(&str, &str)]) -> (Output, String) {
    let output = folder.path().join("output");
    fs::write(&output, "").expect("a file");
    let mut command = Command::new("bash");
    command
        .arg(example("action-verify.sh"))
        .current_dir(folder)
        .env("GITHUB_OUTPUT", &output)
        .env("TRACER_PROGRAM", program);
    for name in [
        "RUN", "PRESET", "EXPECT", "BUNDLE", "RULE", "DAEMON", "INFER", "ENFORCE",
    ] {
        command.env(format!("TRACER_{name}"), "");
    }
    command.env("TRACER_REPORTS", "reports");
    for (name, value) in inputs {
        command.env(format!("TRACER_{name}"), value);
    }
    // Nothing is to be elevated where a fake runs.
    let sudo = folder.path().join("sudo");
    let script =
        "#!/bin/sh\ncase $1 in --*) shift;; esac\ncase $1 in chown) exit 0;; esac\nexec \"$@\"\n";
    fs::write(&sudo, script).expect("a script");
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = std::env::var("PATH").expect("a path");
    command.env("PATH", format!("{}:{path}", folder.path().display()));
    let ended = command.output().expect("bash");
    (ended, fs::read_to_string(output).expect("outputs"))
}

#[test]
fn the_step_hands_on_every_input_as_words_and_every_report_as_an_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = fake(folder.path(), 0, "pass");
    let rule = "linux.ns.net.is_host == false; $(touch pwned) `touch pwned`";
    let inputs = [
        ("RUN", "runc run -b 'a b' web"),
        ("PRESET", "strict\npss-restricted\n"),
        ("RULE", rule),
        ("DAEMON", "dockerd\n\ncontainerd"),
        ("ENFORCE", "true"),
    ];
    let (ended, outputs) = step(&folder, &program, &inputs);
    assert!(ended.status.success(), "{ended:?}");
    let words = fs::read_to_string(folder.path().join("words")).expect("words");
    let words: Vec<&str> = words.lines().collect();
    let expected = [
        "verify",
        "--preset",
        "strict",
        "--preset",
        "pss-restricted",
        "--rule",
        rule,
        "--daemon",
        "dockerd",
        "--daemon",
        "containerd",
        "--enforce",
    ];
    assert_eq!(words[..expected.len()], expected);
    let command = words
        .iter()
        .position(|word| *word == "--")
        .expect("a command");
    assert_eq!(words[command + 1..], ["sh", "-c", "runc run -b 'a b' web"]);
    assert!(
        !folder.path().join("pwned").exists(),
        "an input became a command"
    );
    let lines: Vec<&str> = outputs.lines().collect();
    assert_eq!(
        lines,
        [
            "verdict=pass",
            "exit-code=0",
            "json=reports/tracer.json",
            "junit=reports/tracer.xml",
            "sarif=reports/tracer.sarif",
            "html=reports/tracer.html",
        ]
    );
}

#[test]
fn what_is_inferred_is_read_from_the_commands_own_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = fake(folder.path(), 0, "pass");
    let inputs = [("RUN", "unshare --uts 'a b'"), ("INFER", "true")];
    let (ended, _) = step(&folder, &program, &inputs);
    assert!(ended.status.success(), "{ended:?}");
    let words = fs::read_to_string(folder.path().join("words")).expect("words");
    assert!(words.ends_with("--\nunshare\n--uts\na b\n"), "{words}");
}

#[test]
fn the_step_fails_as_tracer_does_and_says_how() {
    for (code, verdict) in [(120, "fail"), (121, "inconclusive"), (7, "pass")] {
        let folder = tempfile::tempdir().expect("a folder");
        let program = fake(folder.path(), code, verdict);
        let (ended, outputs) = step(&folder, &program, &[("RUN", "true")]);
        assert_eq!(ended.status.code(), Some(i32::from(code)));
        let start = format!("verdict={verdict}\nexit-code={code}\n");
        assert!(outputs.starts_with(&start), "{outputs}");
    }
}

#[test]
fn a_report_of_an_earlier_run_is_not_taken_for_this_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("broken");
    fs::write(&program, "#!/bin/sh\nexit 122\n").expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    fs::create_dir(folder.path().join("reports")).expect("a folder");
    fs::write(
        folder.path().join("reports/tracer.json"),
        "{\n  \"verdict\": \"pass\"\n}\n",
    )
    .expect("a file");
    let (ended, outputs) = step(&folder, &program, &[("RUN", "true")]);
    assert_eq!(ended.status.code(), Some(122));
    assert_eq!(outputs, "verdict=error\nexit-code=122\n");
}

#[test]
fn the_first_step_finds_the_program_or_names_what_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("output");
    let program = fake(folder.path(), 0, "pass");
    let build = |named: &Path| {
        fs::write(&output, "").expect("a file");
        let ended = Command::new("bash")
            .arg(example("action-build.sh"))
            .env("GITHUB_OUTPUT", &output)
            .env("TRACER_PROGRAM", named)
            .output();
        ended.expect("bash")
    };
    assert!(build(&program).status.success());
    let found = fs::read_to_string(&output).expect("outputs");
    let real = fs::canonicalize(&program).expect("a program");
    assert_eq!(found, format!("program={}\n", real.display()));
    let ended = build(Path::new("/nowhere/tracer"));
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("/nowhere/tracer"));
}

/// The document of the unit tests.
fn document(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let snapshot = root.join(
        "tracer/src/report/export/tests/snapshots/tracer__report__export__tests__html__the_document_of_the_page.snap",
    );
    let text = fs::read_to_string(snapshot).expect("a document");
    let path = folder.join("report.json");
    fs::write(&path, text.splitn(3, "---\n").nth(2).expect("a body")).expect("a file");
    path
}

#[test]
fn several_reports_become_one_page_and_what_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = document(folder.path()).display().to_string();
    let page = folder.path().join("page.html").display().to_string();
    let said = tracer(&["report", "--html", &page, &format!("runc={one}"), &one]).output();
    let said = said.expect("its end");
    assert!(said.status.success(), "{said:?}");
    let text = fs::read_to_string(&page).expect("a page");
    assert!(text.contains("2 runs compared") && text.contains(">runc<"));
    let said = tracer(&["report", &one, "/nowhere.json"])
        .output()
        .expect("its end");
    assert_eq!(said.status.code(), Some(125));
    let line = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        line.contains("/nowhere.json") && line.lines().count() == 1,
        "{line}"
    );
}

#[test]
fn an_attestation_is_signed_verified_and_held_against_its_subject() {
    let folder = tempfile::tempdir().expect("a folder");
    let word = |name: &str| folder.path().join(name).display().to_string();
    let (key, public) = (word("key"), word("key.pub"));
    let (statement, envelope) = (word("statement.json"), word("envelope.json"));
    let say = |words: &[&str]| {
        let said = tracer(&[&["attest"], words].concat())
            .output()
            .expect("its end");
        let text = [said.stdout, said.stderr].concat();
        (said.status.code(), String::from_utf8(text).expect("text"))
    };
    assert_eq!(say(&["keygen", &key]).0, Some(0));
    let mode = fs::metadata(&key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o077, 0, "for its owner alone");
    assert_eq!(
        say(&["keygen", &key]).0,
        Some(125),
        "a key is never replaced"
    );

    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let text = |result: &str| {
        format!(
            "{{\"predicateType\":\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":\
             {{\"result\":\"{result}\"}},\"subject\":[{{\"name\":\"x\",\"digest\":{{\"sha256\":\"{digest}\"}}}}]}}"
        )
    };
    fs::write(&statement, text("PASSED")).expect("a file");
    let (code, said) = say(&["sign", "--key", &key, "--out", &envelope, &statement]);
    assert_eq!(code, Some(0), "{said}");
    let image = format!("x@sha256:{digest}");
    let (code, said) = say(&["verify", "--key", &public, "--subject", &image, &envelope]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("PASSED"), "{said}");

    let other = format!("x@sha256:{}", "0".repeat(64));
    let (code, said) = say(&["verify", "--key", &public, "--subject", &other, &envelope]);
    assert_eq!(code, Some(120), "{said}");
    assert_eq!(say(&["keygen", &word("other")]).0, Some(0));
    let (code, said) = say(&["verify", "--key", &word("other.pub"), &envelope]);
    assert_eq!(code, Some(120), "{said}");

    fs::write(&statement, text("FAILED")).expect("a file");
    let (code, said) = say(&["sign", "--key", &key, "--out", &envelope, &statement]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = say(&["verify", "--key", &public, &envelope]);
    assert_eq!(code, Some(120), "a signed failure is no pass: {said}");
    fs::write(&statement, "{}").expect("a file");
    assert_eq!(
        say(&["sign", "--key", &key, &statement]).0,
        Some(125),
        "not an attestation"
    );
}
