//! The list of containers.

use tracer_tests::shell::Shell;

use super::{link, list, ps};

#[test]
#[ignore = "needs root"]
fn a_shell_in_new_namespaces_is_listed_with_these_and_no_others() {
    let shell = Shell::with(&["-u", "-n"]);
    let document = ps(&[]);
    let found = list(&document, "containers")
        .iter()
        .find(|one| one["pid"] == shell.pid())
        .unwrap_or_else(|| panic!("{document}"));
    assert_eq!(found["name"], "sh");
    assert_eq!(found["tasks"], 1);
    assert_eq!(found["parent"]["pid"], std::process::id());
    let own: Vec<(String, u64)> = list(found, "own_namespaces")
        .iter()
        .map(|own| {
            let kind = own["kind"].as_str().expect("a word").to_owned();
            (kind, own["inum"].as_u64().expect("a number"))
        })
        .collect();
    let wanted = ["uts", "net"].map(|kind| (kind.to_owned(), link(shell.pid(), kind)));
    assert_eq!(own, wanted);
}

#[test]
#[ignore = "needs root"]
fn a_shell_in_the_hosts_namespaces_is_no_container() {
    let shell = Shell::new();
    let document = ps(&[]);
    let mut all = list(&document, "containers").iter();
    assert!(all.all(|one| one["pid"] != shell.pid()), "{document}");
}

#[test]
#[ignore = "needs root"]
fn processes_in_the_same_namespaces_are_one_container() {
    let mut shell = Shell::with(&["-n"]);
    shell.begins("sleep 60 & echo started");
    assert_eq!(shell.answer(), "started");
    let document = ps(&[]);
    let net = link(shell.pid(), "net");
    let mut found = list(&document, "containers").iter().filter(|one| {
        let mut own = list(one, "own_namespaces").iter();
        own.any(|own| own["inum"] == net)
    });
    let one = found.next().unwrap_or_else(|| panic!("{document}"));
    assert!(found.next().is_none(), "{document}");
    assert_eq!(
        (&one["pid"], &one["processes"]),
        (&shell.pid().into(), &2.into())
    );
    shell.does("kill $!");
}
