//! The certificate of an exec: what a program inherits that is not its own.

use tracer::event::certificate::Descriptor;
use tracer::event::{Body, Certificate, NamespaceSlot};
use tracer_tests::shell::Shell;

use super::reader::{agrees, namespace};
use super::{observe, steps_of};

/// A descriptor that was opened before the new mount namespace leads back: the class of
/// CVE-2024-21626.
#[test]
#[ignore = "needs root"]
fn a_shell_that_leaves_a_host_directory_open_and_works_in_it_shows_both() {
    let mut session = observe();
    let mut shell = Shell::new();
    shell.does("exec 7</usr");
    shell.becomes("--mount");
    shell.does("cd /proc/self/fd/7");
    shell.begins("exec sh -c 'echo executed; exec sh'");
    assert_eq!(shell.answer(), "executed");
    shell.does("true");
    session.settle().expect("counters");

    let mut execs = steps_of(&session, shell.pid())
        .into_iter()
        .rev()
        .filter_map(|step| match &step.event.body {
            Body::Exec(exec) => Some(&exec.certificate),
            _ => None,
        });
    let certificate: &Certificate = execs.next().expect("its exec");
    agrees(certificate, shell.pid());
    let host = namespace("self", "mnt");
    let own = certificate
        .namespaces()
        .expect("namespaces")
        .get(NamespaceSlot::Mnt);
    let own = own.expect("its own").0;
    assert_ne!(own, host);
    assert_eq!(certificate.root().expect("a root").mnt_ns, own);
    assert_eq!(certificate.exe().expect("a program").mnt_ns, own);
    assert_eq!(certificate.cwd().expect("a directory").mnt_ns, host);
    let open = certificate.descriptors().expect("descriptors").items;
    let seven: &Descriptor = open.iter().find(|open| open.fd == 7).expect("descriptor 7");
    // A directory (include/uapi/linux/stat.h).
    assert_eq!((seven.mode & 0o170_000, seven.mnt_ns), (0o040_000, host));
}
