//! Flags of both engines for what the kernel tells in files: further resources, values below
//! /proc/sys, labels. Owns their meaning.

use super::super::super::Check;
use super::super::super::reading::{
    FileAsked, FileRule, SecurityModule,
    resource::{self, amount},
    sysctl_parts,
};
use super::super::flags::{Given, Split};
use super::super::{InferError, Inference, value};
use super::last;

/// Those that this part knows the meaning of.
pub(super) const KNOWN: [&str; 9] = [
    "--memory-reservation",
    "--memory-swap",
    "--memory-swappiness",
    "-c",
    "--cpu-shares",
    "--blkio-weight",
    "--oom-kill-disable",
    "--sysctl",
    "--cgroup-conf",
];

fn file(
    inference: &mut Inference,
    what: &str,
    asked: String,
    flag: &Given<'_>,
    files: Vec<FileAsked>,
) {
    let id = format!("cgroup_file.{what}");
    inference.add(id, asked, flag.text(), Check::CgroupFile(files));
}

pub(super) fn infer(split: &Split<'_>, inference: &mut Inference) -> Result<(), InferError> {
    let bytes = |flag: &Given<'_>| {
        let must = "an amount as in 64m";
        let bytes = value::bytes(flag.value()).ok_or_else(|| flag.wrong(must))?;
        i64::try_from(bytes).map_err(|_| flag.wrong(must))
    };
    let number = |flag: &Given<'_>| {
        flag.value()
            .parse::<u64>()
            .map_err(|_| flag.wrong("a number"))
    };
    if let Some(flag) = last(split, &["--memory-reservation"]) {
        let asked = bytes(flag)?;
        if asked > 0 {
            let files = resource::reservation(asked);
            file(inference, "memory.reservation", amount(asked), flag, files);
        }
    }
    if let Some(flag) = last(split, &["--memory-swap"]) {
        let limit = last(split, &["-m", "--memory"]).map(bytes).transpose()?;
        let both = if flag.value() == "-1" {
            -1
        } else {
            bytes(flag)?
        };
        // 0 is as if it were not there, and without a limit of memory it asks for nothing.
        if both != 0 && limit.is_some() {
            let files = resource::swap(both, limit);
            file(inference, "memory.swap", amount(both), flag, files);
        }
    }
    if let Some(flag) = last(split, &["--memory-swappiness"])
        && flag.value() != "-1"
    {
        let asked = number(flag)?.to_string();
        let files = vec![resource::written("memory.swappiness", &asked)];
        file(inference, "memory.swappiness", asked, flag, files);
    }
    if let Some(flag) = last(split, &["-c", "--cpu-shares"]) {
        let asked = number(flag)?;
        if asked > 0 {
            let files = resource::shares(asked);
            file(inference, "cpu.shares", asked.to_string(), flag, files);
        }
    }
    if let Some(flag) = last(split, &["--blkio-weight"]) {
        let must = "a number from 10 to 1000";
        let asked: u16 = flag.value().parse().map_err(|_| flag.wrong(must))?;
        if asked > 0 {
            let files = resource::block_weight(asked);
            file(inference, "io.weight", asked.to_string(), flag, files);
        }
    }
    if let Some(flag) = last(split, &["--oom-kill-disable"])
        && flag.is_on()?
    {
        let line = "oom_kill_disable 1";
        let files = vec![resource::written("memory.oom_control", line)];
        file(
            inference,
            "memory.oom_control",
            line.to_owned(),
            flag,
            files,
        );
    }
    for flag in &split.given {
        each(flag, inference)?;
    }
    Ok(())
}

fn each(flag: &Given<'_>, inference: &mut Inference) -> Result<(), InferError> {
    match flag.name {
        "--sysctl" => {
            let must = "a name below /proc/sys and a value, as net.ipv4.ip_forward=1";
            let (key, value) = flag
                .value()
                .split_once('=')
                .ok_or_else(|| flag.wrong(must))?;
            sysctl_parts(key).ok_or_else(|| flag.wrong(must))?;
            let check = Check::Sysctl {
                key: key.to_owned(),
                value: value.to_owned(),
            };
            inference.add(format!("sysctl.{key}"), value, flag.text(), check);
        }
        "--cgroup-conf" => {
            let must = "a file of the cgroup and a value, as memory.high=1073741824";
            let (name, text) = flag
                .value()
                .split_once('=')
                .ok_or_else(|| flag.wrong(must))?;
            let rule = FileRule::of(name, text);
            let asked = rule.text();
            let name = name.to_owned();
            file(
                inference,
                &name.clone(),
                asked,
                flag,
                vec![FileAsked { name, rule }],
            );
        }
        _ => {}
    }
    Ok(())
}

/// The profile that is asked for by name.
pub(super) fn apparmor(label: &str, flag: &Given<'_>, inference: &mut Inference) {
    let module = SecurityModule::AppArmor;
    let check = Check::Label {
        module,
        label: label.to_owned(),
    };
    inference.add(
        format!("label.{}", module.name()),
        label,
        flag.text(),
        check,
    );
}
