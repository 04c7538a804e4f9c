//! One bundle through several runtimes: each makes what it asks for, and the two reports differ
//! in the way there and not in what belongs to a run alone.

use serde_json::Value;
use tracer_tests::binary::tracer;
use tracer_tests::foreign::{Request, Runtime, Subject};

use super::satisfied::{ARGS, CODE};
use super::verified::{items, not_passed, summary, the_one, verify};

/// Ends of the names of facts that no two runs share.
const VOLATILE: [&str; 6] = [".pid", ".tid", "_ns", ".seq", ".inode", ".mount_id"];

/// Runs the bundle of `subject` through another runtime; the report goes to a file.
fn passes(subject: &mut Subject, runtime: Runtime) -> (String, Value) {
    subject.runtime = runtime;
    let command = subject.words("same", &Request::everything(runtime, &ARGS));
    let bundle = subject.runs.word("bundle");
    let file = subject.runs.word(&format!("{}.json", runtime.name()));
    let options = ["--bundle", &bundle, "--json", &file];
    let said = verify(subject, &options, &command);
    let report = said.report();
    let why = summary(&report);
    let container = the_one(&report);
    println!("{}: {} items", runtime.name(), items(container).len());
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    (file, container.clone())
}

/// What a bundle asks for, however it is made.
fn asked(container: &Value) -> Vec<(&Value, &Value)> {
    let items = items(container).iter();
    items.map(|item| (&item["id"], &item["asked"])).collect()
}

#[test]
#[ignore = "needs root"]
fn one_bundle_passes_through_each_runtime_and_only_the_way_differs() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let (first, container) = passes(&mut subject, Runtime::Runc);
    for runtime in [Runtime::Crun, Runtime::Youki] {
        if !runtime.is_installed() {
            println!("skipped: {} is not installed", runtime.name());
            continue;
        }
        let (second, other) = passes(&mut subject, runtime);
        assert_eq!(asked(&container), asked(&other));
        let said = tracer(&["diff", "-o", "json", &first, &second])
            .output()
            .expect("its end");
        assert!(said.status.success(), "{said:?}");
        let diff: Value = serde_json::from_slice(&said.stdout).expect("a document");
        let facts = diff["facts"].as_array().expect("facts").iter();
        let facts: Vec<&str> = facts.filter_map(|one| one["fact"].as_str()).collect();
        println!("{facts:#?}\n{} alike", diff["alike"]);
        // How each gets its container into its cgroups is its own way.
        assert!(facts.iter().any(|fact| fact.ends_with(".way_in")), "{diff}");
        for end in VOLATILE {
            assert!(
                !facts.iter().any(|fact| fact.ends_with(end)),
                "{end}: {diff}"
            );
        }
        let is_namespace = |fact: &&str| fact.starts_with("linux.namespaces");
        assert!(!facts.iter().any(is_namespace), "{diff}");
        assert!(diff["alike"].as_u64() > Some(100), "{diff}");
    }
    assert_eq!(subject.left(), [""; 0]);
}
