//! OCI's state `created`: set up by one command, started by another, and looked at in between.

use std::process::Command;

use tracer_tests::foreign::{Request, Runtime, Subject};

use super::satisfied::{ARGS, CODE};
use super::verified::{not_passed, summary, the_one, verify};

/// The words of another command of the runtime on the same container.
fn other(words: &[String], command: &str) -> Vec<String> {
    let run = words.iter().position(|word| word == "run").expect("run");
    let mut all = words[..run].to_vec();
    all.push(command.to_owned());
    all.push(words.last().expect("a name").clone());
    all
}

/// For the shell, with nothing of the caller's held open by the container.
fn create(words: &[String]) -> String {
    let words: Vec<&str> = words
        .iter()
        .map(|word| {
            if word == "run" {
                "create"
            } else {
                word.as_str()
            }
        })
        .collect();
    format!("{} < /dev/null > /dev/null 2>&1", words.join(" "))
}

fn shell(script: String) -> Vec<String> {
    ["sh".to_owned(), "-c".to_owned(), script].to_vec()
}

/// What the runtime leaves once its command is over.
fn remove(words: &[String]) {
    let words = other(words, "delete");
    let removed = Command::new(&words[0])
        .args(&words[1..words.len() - 1])
        .args(["--force", &words[words.len() - 1]])
        .output()
        .expect("its end");
    assert!(removed.status.success(), "{removed:?}");
}

#[test]
#[ignore = "needs root"]
fn who_waits_to_be_started_is_looked_at_before() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let bundle = subject.runs.word("bundle");
    let mut found = None;
    // How soon tracer gets to read is the machine's matter.
    for (round, pause) in ["0.2", "2", "10"].into_iter().enumerate() {
        let request = Request::everything(Runtime::Runc, &ARGS);
        let words = subject.words(&format!("waits{round}"), &request);
        let start = other(&words, "start").join(" ");
        let script = format!("{} && sleep {pause} && {start}", create(&words));
        // The command ends once its container has begun, and the container is waited for.
        let said = verify(&subject, &["--wait", "--bundle", &bundle], &shell(script));
        remove(&words);
        let report = said.report();
        let container = the_one(&report).clone();
        assert_eq!(said.code(), 0, "{}", summary(&report));
        assert_eq!(container["ended"], CODE << 8);
        assert_eq!(not_passed(&container), [""; 0], "{}", summary(&report));
        if !container["created"].is_null() {
            found = Some(container);
            break;
        }
    }
    let container = found.expect("a look at who waited");
    let created = &container["created"];
    assert!(created["record"].as_u64() < container["record"].as_u64());
    let differing = created["differing"].as_array().expect("items");
    println!("{differing:#?}");
    // All that sets it apart is there before anything has run in it; how its program was found
    // can't be.
    for item in differing {
        let id = item["id"].as_str().expect("an id");
        let early = [
            "namespace.",
            "cgroup.",
            "uid_map",
            "gid_map",
            "root",
            "limit",
        ];
        assert!(!early.iter().any(|name| id.starts_with(name)), "{item}");
    }
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn who_is_never_started_is_named_and_is_no_container() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let bundle = subject.runs.word("bundle");
    let words = subject.words("never", &Request::everything(Runtime::Runc, &ARGS));
    let said = verify(&subject, &["--bundle", &bundle], &shell(create(&words)));
    remove(&words);
    let report = said.report();
    assert_eq!(said.code(), 123, "{}", summary(&report));
    assert_eq!(report["outcome"], "no_container");
    let waited = report["never_started"].as_array().expect("a list");
    assert_eq!(waited.len(), 1, "{waited:#?}");
    let record = waited[0]["record"].as_u64();
    let timeline = report["timeline"].as_array().expect("events");
    let look = timeline
        .iter()
        .find(|entry| entry["seq"].as_u64() == record);
    assert_eq!(look.expect("its record")["event"], "task_snapshot");
    assert_eq!(subject.left(), [""; 0]);
}
