//! The file system: the root, the mounts, the working directory, the program, what is left open.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tempfile::TempDir;
use tracer::container::plan::{Absent, Links, Place, Purpose, RUN_DIRECTORY, Slot, Source, Step};
use tracer::container::spec::{Root, Spec};
use tracer::container::{Plan, Streams};
use tracer_tests::edit::{
    attaches_at, insert_before, leave_out, replace, set_option, sets_attributes_at,
};
use tracer_tests::spec::everything;
use tracer_tests::trial::Trial;

use crate::case::sabotage;

fn text(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

fn place(path: &str) -> Place {
    Place::new("place", path, Links::Follow).expect("an absolute path")
}

fn spoiled(
    spec: Spec,
    sabotage: impl FnOnce(&mut Plan) + Send + 'static,
    shows: &'static [(&'static str, &'static str)],
) -> Trial {
    let mut trial = Trial::new(spec);
    trial.sabotage(move |plan, aids| {
        sabotage(plan);
        for (id, text) in shows {
            aids.shows(id, *text);
        }
    });
    trial
}

fn view() -> Spec {
    everything(&["/bin/true"])
}

/// Number of this process' mount namespace, which is the host's.
fn host_mnt() -> String {
    let link = std::fs::read_link("/proc/self/ns/mnt").expect("a link");
    link.to_string_lossy()
        .trim_matches(|c: char| !c.is_ascii_digit())
        .to_owned()
}

/// A directory with the host's programs in it, as an image would have them.
struct Image(TempDir);

impl Image {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let image = Self(directory);
        for entry in std::fs::read_dir("/").expect("the root").flatten() {
            let name = entry.file_name();
            let programs = ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];
            if programs.iter().any(|program| name == *program)
                && let Ok(target) = std::fs::read_link(entry.path())
            {
                std::os::unix::fs::symlink(target, image.0.path().join(name)).expect("a link");
            }
        }
        for name in ["usr", "proc", "dev", "sys", "tmp"] {
            std::fs::create_dir(image.0.path().join(name)).expect("a directory");
        }
        image
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Asks for a root of its own and the host's programs in it.
fn image(image: &Image) -> Spec {
    use tracer::container::spec::{Mount, MountKind};
    let programs = Mount {
        kind: MountKind::Bind {
            source: PathBuf::from("/usr"),
            recursive: true,
        },
        target: "/usr".to_owned(),
        read_only: true,
    };
    Spec {
        root: Root::Directory(image.path().to_owned()),
        mounts: vec![programs],
        ..everything(&["/usr/bin/true"])
    }
}

/// What a runtime does that leaves `what` of the host writable at `at`.
fn bind(plan: &mut Plan, what: &str, at: &str) {
    let slot = Slot(plan.slots());
    let path = PathBuf::from(what);
    plan.sources.push(Source {
        slot,
        path,
        recursive: false,
        purpose: Purpose::Host,
    });
    let absent = Absent::Fail;
    let steps = [
        Step::MakeDirectory {
            place: place(at),
            mode: 0o755,
            absent,
        },
        Step::Attach {
            slot,
            place: place(at),
            absent,
        },
    ];
    for step in steps {
        insert_before(plan, |step| sets_attributes_at(step, "/"), step);
    }
}

fn is_chdir(step: &Step) -> bool {
    matches!(step, Step::Chdir(_))
}

sabotage! {
    fn chroot_in_place_of_pivot_root_fails_it_alone() fails ["root.pivoted"] {
        spoiled(
            view(),
            |plan| {
                leave_out(plan, |step| *step == Step::DetachOldRoot);
                replace(plan, |step| match step {
                    Step::PivotRoot { .. } => {
                        Some(vec![Step::Chroot { new_root: text(RUN_DIRECTORY) }])
                    }
                    _ => None,
                });
            },
            &[("root.pivoted", "as after chroot")],
        )
    }
    /// It lies on top of the new one, where `cd /..` finds it.
    fn leaving_the_old_root_attached_fails_the_pivot() fails ["root.pivoted"] {
        let directory = Image::new();
        let mut trial = spoiled(
            image(&directory),
            |plan| replace(plan, |step| {
                (*step == Step::DetachOldRoot).then(|| vec![Step::Chdir(text("/"))])
            }),
            &[("root.pivoted", "the old root")],
        );
        trial.sabotage(|_, aids| aids.keep(directory));
        trial
    }
    fn a_root_that_is_the_hosts_fails_that_alone() fails ["root.not_host"] {
        let directory = Image::new();
        let spec = Spec { mounts: Vec::new(), read_only: false, ..image(&directory) };
        let mut trial = spoiled(
            spec,
            |plan| {
                let root = plan.sources.iter_mut().find(|one| one.purpose == Purpose::Rootfs);
                root.expect("a root").path = PathBuf::from("/");
            },
            &[("root.not_host", "it is the host's")],
        );
        trial.sabotage(|_, aids| aids.keep(directory));
        trial
    }
    fn a_writable_root_fails_read_only_alone() fails ["root.read_only"] {
        spoiled(
            view(),
            |plan| leave_out(plan, |step| sets_attributes_at(step, "/")),
            &[("root.read_only", "read-write")],
        )
    }

    /// By a descriptor that is closed again: only the directory itself is left.
    fn a_working_directory_of_the_host_fails_it_alone() fails ["cwd"] {
        let mut trial = Trial::new(view());
        trial.sabotage(|plan, aids| {
            let host = File::open("/").expect("the host's root");
            let link = text(&format!("/proc/self/fd/{}", host.as_raw_fd()));
            replace(plan, |step| is_chdir(step).then(|| vec![Step::Chdir(link.clone())]));
            aids.shows("cwd", format!("mnt {}", host_mnt()));
            aids.shows("cwd", "CVE-2024-21626");
            aids.keep(host);
        });
        trial
    }
    /// Init's own copy of the host's tree, detached since: it belongs to no namespace.
    fn a_working_directory_in_the_old_root_fails_it_alone() fails ["cwd"] {
        spoiled(
            view(),
            |plan| {
                let open = Step::OpenDirectory { path: text("/"), number: 300 };
                insert_before(plan, |step| matches!(step, Step::AttachRoot { .. }), open);
                let link = text("/proc/self/fd/300");
                replace(plan, |step| is_chdir(step).then(|| vec![Step::Chdir(link.clone())]));
            },
            &[("cwd", "mnt none")],
        )
    }

    fn a_leaked_descriptor_to_a_host_directory_fails_the_descriptors_alone() fails ["descriptors"] {
        let mut trial = Trial::new(view());
        trial.sabotage(|plan, aids| {
            let host = File::open("/usr").expect("a directory");
            fcntl(&host, FcntlArg::F_SETFD(FdFlag::empty())).expect("open over exec");
            leave_out(plan, |step| *step == Step::CloseFrom(3));
            let outside = format!("{}: directory outside, in mnt {}", host.as_raw_fd(), host_mnt());
            aids.shows("descriptors", outside);
            aids.keep(host);
        });
        trial
    }
    fn standard_input_from_a_host_directory_fails_the_descriptors_alone() fails ["descriptors"] {
        let mut trial = Trial::new(view());
        let host = File::open("/usr").expect("a directory");
        trial.streams = Streams { stdin: Some(host.into()), ..Streams::default() };
        trial.sabotage(|_, aids| {
            aids.shows("descriptors", format!("0: directory outside, in mnt {}", host_mnt()));
        });
        trial
    }
    fn a_descriptor_of_its_own_that_is_left_open_fails_the_descriptors_alone() fails
        ["descriptors"]
    {
        spoiled(
            view(),
            |plan| {
                let open = Step::OpenDirectory { path: text("/"), number: 7 };
                insert_before(plan, |step| matches!(step, Step::Seccomp(_)), open);
            },
            &[("descriptors", "7: directory")],
        )
    }
    /// The program is what standard input was opened on, and was asked for as such.
    fn a_program_of_the_host_fails_exe_alone() fails [] then ["exe"] {
        let mut spec = view();
        spec.args = vec!["/proc/self/fd/0".to_owned()];
        let mut trial = Trial::new(spec);
        let program = File::open("/bin/true").expect("a program");
        trial.streams = Streams { stdin: Some(program.into()), ..Streams::default() };
        trial.sabotage(|_, aids| aids.shows("exe", format!("mnt {}", host_mnt())));
        trial
    }

    fn another_host_name_fails_it_alone() fails ["hostname"] {
        spoiled(
            view(),
            |plan| replace(plan, |step| {
                matches!(step, Step::Hostname(_)).then(|| vec![Step::Hostname(text("outside"))])
            }),
            &[("hostname", "outside")],
        )
    }
    fn leaving_out_the_host_name_fails_it_alone() fails ["hostname"] {
        spoiled(view(), |plan| leave_out(plan, |step| matches!(step, Step::Hostname(_))), &[])
    }

    fn a_missing_mount_fails_it_alone() fails ["mount./scratch"] {
        spoiled(
            view(),
            |plan| leave_out(plan, |step| attaches_at(step, "/scratch")),
            &[("mount./scratch", "the mount is missing")],
        )
    }
    fn another_size_fails_the_mount_alone() fails ["mount./scratch"] {
        spoiled(
            view(),
            |plan| set_option(plan, "/scratch", "size", "2097152"),
            &[("mount./scratch", "size 2048k")],
        )
    }
    fn another_mode_fails_the_mount_alone() fails ["mount./scratch"] {
        spoiled(
            view(),
            |plan| set_option(plan, "/scratch", "mode", "755"),
            &[("mount./scratch", "mode 755")],
        )
    }
    fn a_mount_of_another_type_fails_it_alone() fails ["mount./scratch"] {
        spoiled(
            view(),
            |plan| {
                let slot = Slot(plan.slots());
                let path = PathBuf::from("/usr/share");
                let bind = Source { slot, path, recursive: false, purpose: Purpose::Bind };
                plan.sources.push(bind);
                replace(plan, |step| match step {
                    Step::Attach { place, absent, .. } if attaches_at(step, "/scratch") => {
                        let (place, absent) = (place.clone(), *absent);
                        Some(vec![Step::Attach { slot, place, absent }])
                    }
                    _ => None,
                });
            },
            &[("mount./scratch", "type")],
        )
    }
    fn a_mount_that_should_be_read_only_and_is_not_fails_it_alone() fails ["mount./data"] {
        spoiled(
            view(),
            |plan| leave_out(plan, |step| sets_attributes_at(step, "/data")),
            &[("mount./data", "it can be written to")],
        )
    }
    fn a_directory_of_the_host_that_is_not_read_only_fails_that_alone() fails
        ["mounts.host_read_only"]
    {
        spoiled(
            view(),
            |plan| leave_out(plan, |step| sets_attributes_at(step, "/usr")),
            &[("mounts.host_read_only", "read-write: /usr")],
        )
    }
    fn a_writable_bind_of_the_host_that_nobody_asked_for_fails_that_alone() fails
        ["mounts.host_read_only"]
    {
        spoiled(
            view(),
            |plan| bind(plan, "/usr/share", "/extra"),
            &[("mounts.host_read_only", "read-write: /extra")],
        )
    }
    /// Below a place that is the container's own there is still nothing of the host's.
    fn a_writable_bind_of_the_host_in_a_private_place_fails_that_alone() fails
        ["mounts.host_read_only"]
    {
        spoiled(
            view(),
            |plan| bind(plan, "/usr/share", "/tmp/extra"),
            &[("mounts.host_read_only", "read-write: /tmp/extra")],
        )
    }
    fn a_private_place_that_is_the_hosts_fails_that_alone() fails ["mounts.host_read_only"] {
        spoiled(
            view(),
            |plan| bind(plan, "/tmp", "/tmp"),
            &[("mounts.host_read_only", "read-write: /tmp")],
        )
    }
}
