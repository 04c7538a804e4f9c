//! One list of items, and the file that asks a runtime's container for those that it can be
//! asked for. Owns the file's text.

use tracer::event::NamespaceKind;
use tracer_tests::foreign::{Property, Request, Runtime};

/// The lines of a file of expectations, each with the item that it asks for.
#[derive(Clone)]
pub struct Expected {
    lines: Vec<(&'static str, String)>,
    /// Kinds that are to be private.
    private: Vec<NamespaceKind>,
}

impl Expected {
    /// All that can be expected of the container that this request makes.
    pub fn of(runtime: Runtime, request: &Request) -> Self {
        let can = |property| runtime.can(property);
        // Where memory is v2's alone beside trees of v1, crun leaves the payload in v2's root.
        let limited = can(Property::Memory);
        let seccomp = if has_filter(runtime) {
            "filter"
        } else {
            "unconfined"
        };
        let list = [
            (limited, "memory.max", "'==64Mi'"),
            (can(Property::Pids), "pids.max", "'==50'"),
            (can(Property::CpuTime), "cpu.max", "'==0.5'"),
            (can(Property::Cpus), "cpuset.cpus", "'0'"),
            (can(Property::Hostname), "hostname", "inside"),
            (can(Property::NoNewPrivileges), "no_new_privs", "true"),
            (limited, "cgroup", "private"),
            (true, "seccomp", seccomp),
            (true, "cwd", "inside"),
            (true, "exe", "inside"),
            (true, "inherited_fds", "none"),
            (true, "payload", "sh"),
            (true, "drift", "deny"),
            (can(Property::User), "user", "{ uid: 1000, gid: 1001 }"),
            (
                can(Property::OpenFiles),
                "rlimits",
                "{ nofile: { soft: '==256', hard: '==512' } }",
            ),
            (
                can(Property::Capabilities),
                "capabilities",
                "{ bounding: { exactly: [chown, net_raw] } }",
            ),
            (true, "root", root(runtime)),
        ];
        let lines = list.into_iter().filter(|(can, ..)| *can);
        Self {
            lines: lines
                .map(|(_, key, value)| (key, value.to_owned()))
                .collect(),
            private: request.namespaces.clone(),
        }
    }

    /// Asks for something else under one key.
    pub fn set(&mut self, key: &str, value: &str) {
        let line = self.lines.iter_mut().find(|(other, _)| *other == key);
        value.clone_into(&mut line.expect("a key of the list").1);
    }

    /// Asks for nothing under one key.
    pub fn without(&mut self, key: &str) {
        self.lines.retain(|(other, _)| *other != key);
    }

    /// Asks for the contrary of one kind of namespace.
    pub fn turn(&mut self, kind: NamespaceKind) {
        if self.private.contains(&kind) {
            self.private.retain(|other| *other != kind);
        } else {
            self.private.push(kind);
        }
    }

    /// The value of a key, if the list has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        let line = self.lines.iter().find(|(other, _)| *other == key);
        line.map(|(_, value)| value.as_str())
    }

    /// The file.
    pub fn text(&self) -> String {
        let of = |is_private: bool| {
            let kinds = NamespaceKind::ALL.into_iter();
            let kinds = kinds.filter(|kind| self.private.contains(kind) == is_private);
            kinds.map(NamespaceKind::name).collect::<Vec<_>>()
        };
        let (private, shared) = (of(true).join(", "), of(false).join(", "));
        let lines = self.lines.iter();
        let lines: Vec<String> = lines
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        format!(
            "namespaces: {{ private: [{private}], shared: [{shared}] }}\n{}",
            lines.concat()
        )
    }
}

/// Whether it sets a system call filter without being asked.
fn has_filter(runtime: Runtime) -> bool {
    let with = [Runtime::Nspawn, Runtime::Podman, Runtime::Docker];
    with.contains(&runtime)
}

/// What its container's root is.
fn root(runtime: Runtime) -> &'static str {
    match runtime {
        // By chroot(2).
        Runtime::Unshare => "[not_host]",
        // By chroot(2), into a mount that it moved there; by pivot_root(2) from release 255 on.
        Runtime::Nspawn => "[not_host, read_only]",
        Runtime::Lxc => "[not_host, pivoted]",
        _ => "[not_host, pivoted, read_only]",
    }
}
