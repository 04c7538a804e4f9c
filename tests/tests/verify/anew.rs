//! Recordings that are judged by other terms, that were only recorded, that are looked at, merged,
//! or cut off: without root, but for the recording itself.

use std::fs;

use serde_json::Value;
use tracer_tests::binary::{Runs, Said, tracer};

use crate::{FAIL, INCONCLUSIVE, NEW, NO_CONTAINER, UNSHARE, expecting, item, only};

/// The command line or an expectation file cannot be understood.
const USAGE: i32 = 2;
/// What is named is not there, or damaged.
const ERROR: i32 = 125;

/// Records a script, judging nothing.
fn recorded(runs: &Runs, script: &str) -> (Said, String) {
    let file = runs.word("recording");
    let words = ["record", "-o", &file, "--", "sh", "-c", script];
    let mut command = tracer(&words);
    let (mark, value) = runs.mark();
    (runs.finish(command.env(mark, value)), file)
}

fn said(runs: &Runs, words: &[&str]) -> Said {
    runs.finish(&mut tracer(words))
}

#[test]
#[ignore = "needs root"]
fn what_was_only_recorded_is_judged_later_by_whatever_is_expected_then() {
    let runs = Runs::new();
    let (live, file) = recorded(&runs, &format!("{UNSHARE} true; exit 5"));
    let live = live.ended_with(5);
    assert!(
        live.one_line()
            .contains(&format!("records in {file}; judge")),
        "{live:?}"
    );
    let plain = said(&runs, &["replay", &file]).ended_with(USAGE);
    assert!(plain.one_line().contains("--expect FILE"), "{plain:?}");
    let wanted = expecting(&runs, NEW);
    let passes = said(&runs, &["replay", "--expect", &wanted, "-o", "json", &file]);
    let report = passes.ended_with(5).report();
    assert_eq!(item(only(&report), "namespace.mnt")["verdict"], "pass");
    let flag = format!("--expect {wanted}");
    assert_eq!(
        report["replay"]["judged_anew_by"],
        serde_json::json!([flag])
    );
    let fails = ["replay", "--preset", "unshared", &file];
    let fails = said(&runs, &fails).ended_with(FAIL);
    let sentence = "judged anew by --preset unshared, in place of what was recorded";
    assert!(fails.stderr.contains(sentence), "{fails:?}");
    let none = [
        "replay",
        "--rule",
        "true",
        "--select",
        "program=nobody",
        &file,
    ];
    said(&runs, &none).ended_with(NO_CONTAINER);
}

#[test]
#[ignore = "needs root"]
fn a_signal_that_ends_what_is_recorded_shows_in_the_exit_code() {
    let runs = Runs::new();
    let (live, file) = recorded(&runs, "kill -TERM $$");
    live.ended_with(128 + 15);
    let info = said(&runs, &["record", "info", "-o", "json", &file]);
    let info = info.ended_with(0).report();
    assert_eq!(info["ended"]["signal"], 15, "{info}");
}

#[test]
#[ignore = "needs root"]
fn a_run_is_judged_anew_like_any_container() {
    let runs = Runs::new();
    let file = runs.word("recording");
    runs.run(&["--record", &file, "true"]).ended_with(0);
    let wanted = expecting(
        &runs,
        "namespaces: { new: [mnt, uts] }\nread_only: [/usr]\n",
    );
    let words = ["replay", "--expect", &wanted, "-o", "json", &file];
    let report = said(&runs, &words).ended_with(0).report();
    assert_eq!(item(only(&report), "namespace.uts")["verdict"], "pass");
    let words = ["replay", "--rule", "linux.ns.net.is_host", &file];
    said(&runs, &words).ended_with(FAIL);
}

#[test]
#[ignore = "needs root"]
fn info_tells_what_a_recording_holds() {
    let runs = Runs::new();
    let (_, file) = recorded(&runs, &format!("{UNSHARE} true"));
    let said = said(&runs, &["record", "info", "-o", "json", &file]).ended_with(0);
    let info = said.report();
    assert_eq!(info["command"], "record");
    assert_eq!(info["args"][0], "sh");
    assert_eq!(info["complete"], true);
    assert_eq!(info["lost"], 0);
    assert_eq!(info["ended"]["code"], 0);
    assert_eq!(info["notes"]["began"], 1);
    let kinds = info["records"]["kinds"].as_object().expect("kinds");
    assert_eq!(kinds["sched_process_exec"], 3, "{info:#}");
    let sum: u64 = kinds.values().filter_map(Value::as_u64).sum();
    assert_eq!(info["records"]["count"], sum);
    let uname = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    assert_eq!(info["host"]["kernel"], uname.trim());
    let bytes = fs::metadata(&file).expect("a file").len();
    assert_eq!(info["bytes"], bytes);
}

#[test]
#[ignore = "needs root"]
fn of_a_file_that_is_cut_off_what_is_left_is_told_and_nothing_is_final() {
    let runs = Runs::new();
    let (_, file) = recorded(&runs, &format!("{UNSHARE} true"));
    let bytes = fs::read(&file).expect("a file");
    let cut = runs.word("cut");
    let wanted = expecting(&runs, NEW);
    let mut partial = 0;
    for length in (0..bytes.len()).step_by(bytes.len() / 40) {
        fs::write(&cut, &bytes[..length]).expect("written");
        let again = said(&runs, &["replay", "--expect", &wanted, &cut]);
        let info = said(&runs, &["record", "info", &cut]);
        match again.code() {
            INCONCLUSIVE => assert_eq!(info.code(), INCONCLUSIVE, "{info:?}"),
            ERROR => {
                again.one_line();
            }
            _ => panic!("{again:?}"),
        }
        if info.code() == INCONCLUSIVE {
            partial += 1;
            let place = format!("at byte {length}, before its own end");
            assert!(info.stdout.contains(&place), "{info:?}");
            assert!(again.stderr.contains(&place), "{again:?}");
        }
    }
    assert!(partial > 2, "{partial}");
}

#[test]
#[ignore = "needs root"]
fn recordings_and_reports_are_compared_on_one_page() {
    let runs = Runs::new();
    let (verified, run, json) = (runs.word("verified"), runs.word("run"), runs.word("json"));
    let words = [
        "verify", "--preset", "unshared", "--record", &verified, "--",
    ];
    let mut command = tracer(&[&words[..], &["sh", "-c", UNSHARE]].concat());
    let (mark, value) = runs.mark();
    runs.finish(command.env(mark, value)).ended_with(FAIL);
    let words = ["--record", &run, "--json", &json, "true"];
    runs.run(&words).ended_with(0);
    let words = [
        "report",
        &format!("a={verified}"),
        &format!("b={run}"),
        &json,
    ];
    let page = said(&runs, &words).ended_with(0).stdout;
    assert!(page.starts_with("### 3 runs compared"), "{page}");
    let verdicts = "| **verdict** | **fail** | **pass** | **pass** |";
    assert!(page.contains(verdicts), "{page}");
    let (_, file) = recorded(&runs, UNSHARE);
    let refused = said(&runs, &["report", &file]).ended_with(USAGE);
    assert!(refused.one_line().contains("only recorded"), "{refused:?}");
}
