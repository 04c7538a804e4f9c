//! State files and locks, in a directory of the test's own and without any hierarchy.

use super::*;

const ID: &str = "tracer-0123456789ab";

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn only_a_prefix_and_twelve_hex_digits_name_a_run() {
    assert!(is_run(ID));
    for name in [
        "tracer-0123456789a",
        "tracer-0123456789abc",
        "tracer-0123456789ax",
        "..",
        "x",
    ] {
        assert!(!is_run(name), "{name}");
        let error = Run::begin(Path::new("/nowhere"), name, &[]).expect_err("no run");
        assert!(matches!(error, CleanupError::Name { .. }));
    }
}

#[test]
#[ignore = "needs root"]
fn a_run_that_lives_is_not_swept() {
    let directory = directory();
    let run = Run::begin(directory.path(), ID, &[]).expect("a run");
    assert_eq!(sweep(directory.path(), &[]).expect("a sweep"), [""; 0]);
    assert!(directory.path().join(ID).exists());
    run.finish().expect("nothing left");
    assert!(!directory.path().join(ID).exists());
}

#[test]
#[ignore = "needs root"]
fn a_state_file_without_a_lock_is_swept() {
    let directory = directory();
    fs::write(directory.path().join(ID), "tracer 1\n").expect("a file");
    assert_eq!(sweep(directory.path(), &[]).expect("a sweep"), [ID]);
    assert!(!directory.path().join(ID).exists());
}

#[test]
#[ignore = "needs root"]
fn files_that_name_no_run_are_left_alone() {
    let directory = directory();
    fs::write(directory.path().join("notes"), "").expect("a file");
    assert_eq!(sweep(directory.path(), &[]).expect("a sweep"), [""; 0]);
    assert!(directory.path().join("notes").exists());
}

#[test]
#[ignore = "needs root"]
fn a_name_is_taken_once() {
    let directory = directory();
    let _run = Run::begin(directory.path(), ID, &[]).expect("a run");
    assert!(Run::begin(directory.path(), ID, &[]).is_err());
}

#[test]
#[ignore = "needs root"]
fn a_dropped_run_leaves_nothing() {
    let directory = directory();
    drop(Run::begin(directory.path(), ID, &[]).expect("a run"));
    assert_eq!(fs::read_dir(directory.path()).expect("entries").count(), 0);
}

#[test]
fn a_directory_that_is_not_there_has_nothing_to_sweep() {
    assert_eq!(
        sweep(Path::new("/nowhere/at/all"), &[]).expect("a sweep"),
        [""; 0]
    );
}
