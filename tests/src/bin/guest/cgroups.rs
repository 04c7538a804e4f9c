//! The layouts of cgroups that machines have: v2 alone, v1 alone, both. Owns where their trees are
//! mounted.

use std::ffi::CString;
use std::fs;

use anyhow::{Context as _, Result, bail};
use rustix::mount::{MountFlags, mount};

const BASE: &str = "/sys/fs/cgroup";
/// What a hybrid machine leaves to v2.
const LEFT_TO_V2: [&str; 3] = ["hugetlb", "rdma", "misc"];

/// Mounts the trees of a layout by its name.
pub fn lay_out(layout: &str) -> Result<()> {
    match layout {
        "v2" => v2(BASE),
        "v1" => v1(|_| true),
        "hybrid" => {
            v1(|controller| !LEFT_TO_V2.contains(&controller))?;
            v2(&format!("{BASE}/unified"))
        }
        other => bail!("there is no layout of cgroups called {other:?}"),
    }
    .with_context(|| format!("cannot lay out cgroups as {layout}"))
}

/// One tree, with every controller that no other tree has handed down to its children.
fn v2(place: &str) -> Result<()> {
    fs::create_dir_all(place)?;
    mount("cgroup2", place, "cgroup2", MountFlags::empty(), None)?;
    let controllers = fs::read_to_string(format!("{place}/cgroup.controllers"))?;
    for controller in controllers.split_whitespace() {
        // One by one: of those in one write, either all are enabled or none.
        fs::write(
            format!("{place}/cgroup.subtree_control"),
            format!("+{controller}"),
        )
        .with_context(|| format!("cannot enable {controller}"))?;
    }
    Ok(())
}

/// A tree for each of these controllers, and the one without that service managers have.
fn v1(wanted: impl Fn(&str) -> bool) -> Result<()> {
    super::mounted("tmpfs", BASE)?;
    let text = fs::read_to_string("/proc/cgroups")?;
    let enabled = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.ends_with("\t1"));
    let names = enabled.filter_map(|line| line.split('\t').next());
    for controller in names.filter(|controller| wanted(controller)) {
        if let Err(error) = tree(controller, controller) {
            // Kernels are built without some of v1's.
            println!("tracer-vm note: no v1 tree for {controller}: {error:#}");
            fs::remove_dir(format!("{BASE}/{controller}"))?;
        }
    }
    tree("systemd", "none,name=systemd")
}

fn tree(name: &str, options: &str) -> Result<()> {
    let place = format!("{BASE}/{name}");
    fs::create_dir_all(&place)?;
    let options = CString::new(options)?;
    mount(
        "cgroup",
        &place,
        "cgroup",
        MountFlags::empty(),
        options.as_c_str(),
    )?;
    Ok(())
}
