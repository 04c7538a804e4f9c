//! Cgroups and the limits in force, from /proc/PID/cgroup and the files of the hierarchies.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use tracer::event::certificate::{Certificate, UNLIMITED};

/// A line of /proc/PID/cgroup with where its hierarchy is mounted.
struct Place {
    hierarchy: u32,
    controllers: String,
    mount_point: PathBuf,
    path: String,
}

fn places(pid: u32) -> Vec<Place> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its cgroups");
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let mounted = |controllers: &str| {
        mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let here = match fields[2] {
                "cgroup2" => controllers.is_empty(),
                "cgroup" => controllers
                    .split(',')
                    .all(|one| fields[3].split(',').any(|o| o == one)),
                _ => false,
            };
            here.then(|| PathBuf::from(fields[1]))
        })
    };
    text.lines()
        .map(|line| {
            let mut parts = line.splitn(3, ':');
            let mut part = || parts.next().expect("three parts").to_owned();
            let (hierarchy, controllers, path) =
                (part().parse().expect("a number"), part(), part());
            let mount_point = mounted(&controllers).expect("a mounted hierarchy");
            Place {
                hierarchy,
                controllers,
                mount_point,
                path,
            }
        })
        .collect()
}

impl Place {
    fn directory(&self) -> PathBuf {
        self.mount_point.join(self.path.trim_start_matches('/'))
    }
}

/// Every task is in a cgroup of v2, but /proc/PID/cgroup leaves that out until v2 was mounted once
/// (`cgrp_dfl_visible` in kernel/cgroup/cgroup.c).
fn unified_is_visible(pid: u32) -> bool {
    let told = places(pid).iter().any(|place| place.hierarchy == 0);
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let mut kinds = mounts.lines().filter_map(|line| line.split(' ').nth(2));
    let mounted = kinds.any(|kind| kind == "cgroup2");
    assert!(told || !mounted, "{mounts}");
    told
}

pub(super) fn cgroups(certificate: &Certificate, pid: u32) {
    let set = certificate.cgroups().expect("cgroups");
    let visible = unified_is_visible(pid);
    if !visible {
        let v2 = set.in_hierarchy(0).expect("in every hierarchy");
        assert_eq!(v2.level, 0, "nobody can have left its root");
    }
    let mut seen: Vec<(u32, u64)> = set
        .members
        .iter()
        .filter(|one| visible || one.key.hierarchy != 0)
        .map(|one| (one.key.hierarchy, one.key.id))
        .collect();
    let mut told: Vec<(u32, u64)> = places(pid)
        .iter()
        .map(|place| {
            let inode = fs::metadata(place.directory())
                .expect("its directory")
                .ino();
            (place.hierarchy, inode)
        })
        .collect();
    seen.sort_unstable();
    told.sort_unstable();
    assert_eq!((seen, set.truncated), (told, false));
    for place in places(pid) {
        let depth = place
            .path
            .split('/')
            .filter(|part| !part.is_empty())
            .count();
        let member = set
            .in_hierarchy(place.hierarchy)
            .expect("in every hierarchy");
        assert_eq!(member.level as usize, depth, "{}", place.path);
    }
}

/// The cgroup of a controller, v1 or v2.
fn place_of(pid: u32, controller: &str) -> Place {
    let places = places(pid);
    let own = |place: &Place| place.controllers.split(',').any(|name| name == controller);
    let index = places
        .iter()
        .position(own)
        .or_else(|| places.iter().position(|p| p.hierarchy == 0));
    places
        .into_iter()
        .nth(index.expect("a hierarchy"))
        .expect("it")
}

/// What files of the task's cgroup and its ancestors say, from its own up. Where a controller is
/// not enabled (v2) or the root has no such file, there is no limit.
pub(super) fn chain(pid: u32, controller: &str, files: [&str; 2]) -> Vec<Option<String>> {
    let place = place_of(pid, controller);
    let directory = place.directory();
    let up = directory
        .ancestors()
        .take_while(|path| path.starts_with(&place.mount_point));
    up.map(|path| {
        files
            .iter()
            .find_map(|file| fs::read_to_string(path.join(file)).ok())
    })
    .collect()
}

/// The own limit, the least, and how far up that is.
fn least(limits: &[u64]) -> (u64, u64, usize) {
    let effective = *limits.iter().min().expect("an own");
    let depth = limits
        .iter()
        .position(|limit| *limit == effective)
        .expect("there");
    (limits[0], effective, depth)
}

pub(super) fn limits(certificate: &Certificate, pid: u32) {
    let number = |text: Option<String>| {
        text.and_then(|text| text.trim().parse::<u64>().ok())
            .unwrap_or(UNLIMITED)
    };
    // Without a limit v1 says the highest count of whole pages.
    let bytes = |text: Option<String>| match number(text) {
        9_223_372_036_854_771_712.. => UNLIMITED,
        bytes => bytes,
    };
    let files = ["memory.limit_in_bytes", "memory.max"];
    let told: Vec<u64> = chain(pid, "memory", files).into_iter().map(bytes).collect();
    let seen = certificate.memory().expect("memory");
    assert_eq!(
        (seen.own, seen.effective, seen.depth),
        least(&told),
        "memory {told:?}"
    );
    let files = ["pids.max", "pids.max"];
    let told: Vec<u64> = chain(pid, "pids", files).into_iter().map(number).collect();
    let seen = certificate.pids().expect("pids");
    assert_eq!(
        (seen.own, seen.effective, seen.depth),
        least(&told),
        "pids {told:?}"
    );
    bandwidth(certificate, pid);
}

/// Quota and period in microseconds; v1 has a file for each, v2 one for both.
fn bandwidth(certificate: &Certificate, pid: u32) {
    let quotas = chain(pid, "cpu", ["cpu.cfs_quota_us", "cpu.max"]);
    let periods = chain(pid, "cpu", ["cpu.cfs_period_us", "cpu.max"]);
    let told: Vec<Option<(u64, u64)>> = quotas
        .into_iter()
        .zip(periods)
        .map(|(quota, period)| {
            let quota = quota?.split_whitespace().next()?.parse::<u64>().ok()?;
            Some((
                quota,
                period?.split_whitespace().last()?.parse::<u64>().ok()?,
            ))
        })
        .collect();
    let seen = certificate.cpu().expect("CPU time");
    let own = told[0].map_or(UNLIMITED, |(quota, _)| quota * 1000);
    assert_eq!(seen.own_quota, own, "{told:?}");
    let strictest = told
        .iter()
        .enumerate()
        .filter_map(|(depth, limit)| limit.map(|limit| (depth, limit)))
        .min_by(|(_, one), (_, other)| (one.0 * other.1).cmp(&(other.0 * one.1)));
    match strictest {
        None => assert_eq!(seen.quota, UNLIMITED),
        Some((depth, (quota, period))) => {
            let told = (quota * 1000, period * 1000, depth);
            assert_eq!((seen.quota, seen.period, seen.depth), told);
        }
    }
}
