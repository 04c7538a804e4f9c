//! The values of options as people write them: sizes, processor lists, maps, mounts, limits.
//! Owns their grammar and its error texts; must not read the machine.

use std::path::PathBuf;

use crate::{
    container::spec::{CpuQuota, IdMapping, Mount, MountKind, RlimitRequest},
    expect::{capability, file, rlimit},
};

/// A size in bytes: digits with an optional `b`, `k`, `m`, `g` or `t` of 1,024, as Docker has it.
pub fn size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = lower[digits.len()..]
        .trim_end_matches("ib")
        .trim_end_matches('b');
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => {
            return Err(format!(
                "`{text}` is not a size; write bytes, or 64k, 512m, 2g"
            ));
        }
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|value| value.checked_mul(1 << shift))
        .filter(|value| *value > 0)
        .ok_or_else(|| format!("`{text}` is not a size; write bytes, or 64k, 512m, 2g"))
}

/// A list of processors, `0-2,5`; the result is ascending without repeats.
pub fn cpus(text: &str) -> Result<Vec<u32>, String> {
    file::processors(text)
        .ok_or_else(|| format!("`{text}` is not a list of processors; write 0, 0-2 or 0,3"))
}

/// A number of processors' worth of time, `1.5`, as quota per period of 100 ms.
pub fn cpu_quota(text: &str) -> Result<CpuQuota, String> {
    const PERIOD_US: u64 = 100_000;
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    // The kernel takes no quota below 1 ms (kernel/sched/core.c, `min_cfs_quota_period`).
    if !(0.01..=100_000.0).contains(&value) {
        return Err(format!(
            "`{text}` is not a number of processors; write 0.5 or 2, at least 0.01"
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded above by the check"
    )]
    #[expect(clippy::cast_precision_loss, reason = "100,000 is exact")]
    let quota_us = (value * PERIOD_US as f64).round() as u64;
    Ok(CpuQuota {
        quota_us,
        period_us: PERIOD_US,
    })
}

/// A number of tasks.
pub fn pids(text: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(|| format!("`{text}` is not a number of processes; write 1 or more"))
}

/// A line of a map, `INSIDE:OUTSIDE:COUNT`.
pub fn id_mapping(text: &str) -> Result<IdMapping, String> {
    let wrong = || format!("`{text}` is not a map; write INSIDE:OUTSIDE:COUNT, as 0:100000:65536");
    let numbers: Vec<u32> = text
        .split([':', ' '])
        .map(|part| part.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let [inside, outside, count] = numbers[..] else {
        return Err(wrong());
    };
    if count == 0
        || inside.checked_add(count - 1).is_none()
        || outside.checked_add(count - 1).is_none()
    {
        return Err(wrong());
    }
    Ok(IdMapping {
        inside,
        outside,
        count,
    })
}

/// A resource limit, `NAME=SOFT[:HARD]`.
pub fn resource_limit(text: &str) -> Result<RlimitRequest, String> {
    let (name, limits) = text.split_once('=').ok_or_else(|| {
        format!("`{text}` is not a resource limit; write NAME=SOFT[:HARD], as nofile=1024:4096")
    })?;
    let resource = rlimit::number(&name.to_ascii_lowercase()).ok_or_else(|| {
        format!(
            "there is no resource limit `{name}`; there are {}",
            rlimit::NAMES.join(", ")
        )
    })?;
    let number = |text: &str| match text {
        "unlimited" | "-1" => Ok(u64::MAX),
        _ => text
            .parse::<u64>()
            .map_err(|_| format!("`{text}` is not a number or `unlimited`")),
    };
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if soft > hard {
        return Err(format!("the soft limit of `{text}` is above the hard one"));
    }
    Ok(RlimitRequest {
        resource,
        soft,
        hard,
    })
}

/// The capabilities that Docker leaves a container (moby, `oci/caps/defaults.go`).
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "chown",
    "dac_override",
    "fsetid",
    "fowner",
    "mknod",
    "net_raw",
    "setgid",
    "setuid",
    "setfcap",
    "setpcap",
    "net_bind_service",
    "sys_chroot",
    "kill",
    "audit_write",
];

/// The default set, less `drop`, plus `add`; each is names with or without `CAP_`, or `all`.
/// What is named in both is kept, as Docker has it. `last` is the highest of this kernel.
pub fn capabilities(add: &[String], drop: &[String], last: u8) -> Result<u64, String> {
    let all = u64::MAX >> (63 - u32::from(last));
    let one = |name: &str| -> Result<u64, String> {
        let bare = name.to_ascii_lowercase();
        let bare = bare.strip_prefix("cap_").unwrap_or(&bare);
        if bare == "all" {
            return Ok(all);
        }
        match capability::number(bare) {
            Some(number) if number <= u32::from(last) => Ok(1 << number),
            Some(_) => Err(format!("this kernel has no capability `{name}` yet")),
            None => Err(format!(
                "there is no capability `{name}`; see capabilities(7)"
            )),
        }
    };
    let set = |names: &[String]| -> Result<u64, String> {
        names
            .iter()
            .flat_map(|list| list.split(','))
            .try_fold(0, |set, name| Ok(set | one(name)?))
    };
    let default = DEFAULT_CAPABILITIES
        .iter()
        .filter_map(|name| capability::number(name))
        .fold(0, |set, number| set | 1 << number);
    Ok(((default & !set(drop)?) | set(add)?) & all)
}

/// A mount in Docker's syntax: `type=bind,source=/a,target=/b,readonly` or
/// `type=tmpfs,target=/c,tmpfs-size=64m`.
pub fn mount(text: &str) -> Result<Mount, String> {
    let mut kind = "bind";
    let mut source = None;
    let mut target = None;
    let mut read_only = false;
    let mut recursive = true;
    let mut tmpfs_size = None;
    let mut tmpfs_mode = None;
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key {
            "type" => kind = value,
            "source" | "src" => source = Some(PathBuf::from(value)),
            "target" | "destination" | "dst" => target = Some(value.to_owned()),
            "readonly" | "ro" => read_only = boolean(key, value)?,
            "bind-nonrecursive" => recursive = !boolean(key, value)?,
            "tmpfs-size" => tmpfs_size = Some(size(value)?),
            "tmpfs-mode" => tmpfs_mode = Some(octal(value)?),
            _ => {
                return Err(format!(
                    "--mount has no field `{key}`; it has type, source, target, readonly, \
                     bind-nonrecursive, tmpfs-size, tmpfs-mode"
                ));
            }
        }
    }
    let target = absolute(target.ok_or_else(|| format!("`{text}` names no target"))?)?;
    let kind = match kind {
        "bind" => {
            let source = source.ok_or_else(|| format!("`{text}` names no source to bind"))?;
            if !source.is_absolute() {
                return Err(format!(
                    "the source `{}` of a bind must be an absolute path",
                    source.display()
                ));
            }
            MountKind::Bind { source, recursive }
        }
        "tmpfs" => MountKind::Tmpfs {
            size: tmpfs_size,
            mode: tmpfs_mode,
        },
        other => {
            return Err(format!(
                "--mount has no type `{other}`; it has bind and tmpfs"
            ));
        }
    };
    Ok(Mount {
        kind,
        target,
        read_only,
    })
}

/// A tmpfs, `/path[:size=64m,mode=1777,ro]`.
pub fn tmpfs(text: &str) -> Result<Mount, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let target = absolute(target.to_owned())?;
    let (mut bytes, mut mode, mut read_only) = (None, None, false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("size", value) => bytes = Some(size(value)?),
            ("mode", value) => mode = Some(octal(value)?),
            ("ro", "") => read_only = true,
            ("rw", "") => read_only = false,
            _ => {
                return Err(format!(
                    "--tmpfs has no option `{option}`; it has size, mode, ro, rw"
                ));
            }
        }
    }
    Ok(Mount {
        kind: MountKind::Tmpfs { size: bytes, mode },
        target,
        read_only,
    })
}

fn absolute(path: String) -> Result<String, String> {
    if path.starts_with('/') && path.len() > 1 {
        Ok(path)
    } else {
        Err(format!(
            "the target `{path}` must be an absolute path below /"
        ))
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("`{key}` is true or false, not `{value}`")),
    }
}

fn octal(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| format!("`{text}` is not a mode; write octal digits, as 1777"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("64m"), Ok(64 << 20));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "m", "0", "-1", "1x", "99999999999999999999", "1.5g"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn processor_lists_are_ascending_without_repeats() {
        assert_eq!(cpus("3,0-2,1"), Ok(vec![0, 1, 2, 3]));
        for wrong in ["", "a", "2-1", "0-99999999", "1,,2"] {
            assert!(cpus(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn half_a_processor_is_half_a_period() {
        assert_eq!(
            cpu_quota("0.5"),
            Ok(CpuQuota {
                quota_us: 50_000,
                period_us: 100_000
            })
        );
        assert!(cpu_quota("0").is_err());
        assert!(cpu_quota("nan").is_err());
    }

    #[test]
    fn a_map_that_wraps_is_refused() {
        assert!(id_mapping("0:4294967295:2").is_err());
        assert!(id_mapping("0:1").is_err());
        assert!(id_mapping("0:0:0").is_err());
    }

    #[test]
    fn a_mount_says_what_it_lacks() {
        assert!(mount("type=bind,target=/b").unwrap_err().contains("source"));
        assert!(mount("source=/a").unwrap_err().contains("target"));
        assert!(
            mount("source=a,target=/b")
                .unwrap_err()
                .contains("absolute")
        );
        assert!(
            mount("source=/a,target=/b,bogus")
                .unwrap_err()
                .contains("bogus")
        );
        let parsed = mount("type=bind,src=/a,dst=/b,ro").unwrap();
        assert!(parsed.read_only);
    }

    #[test]
    fn the_default_set_is_dockers() {
        assert_eq!(capabilities(&[], &[], 40), Ok(0xa80425fb));
        assert_eq!(
            capabilities(&["NET_RAW".into()], &["all".into()], 40),
            Ok(1 << 13)
        );
        assert_eq!(capabilities(&["ALL".into()], &[], 40), Ok((1 << 41) - 1));
        assert!(
            capabilities(&["bogus".into()], &[], 40)
                .unwrap_err()
                .contains("bogus")
        );
    }

    #[test]
    fn a_soft_limit_above_the_hard_one_is_refused() {
        assert!(resource_limit("nofile=2:1").is_err());
        assert!(resource_limit("bogus=1").unwrap_err().contains("nofile"));
        assert_eq!(
            resource_limit("nofile=10:20"),
            Ok(RlimitRequest {
                resource: 7,
                soft: 10,
                hard: 20
            })
        );
    }
}
