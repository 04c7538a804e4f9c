//! What of a bundle's resources stands in files of the cgroup alone. Owns which of them are asked for.

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxNetwork, LinuxResources, LinuxThrottleDevice, Spec,
};

use super::super::Check;
use super::super::reading::resource::{self, amount, written};
use super::super::reading::{FileAsked, FileRule};
use super::List;

pub(super) fn all(spec: &Spec, list: &mut List) {
    let linux = spec.linux().as_ref();
    let Some(resources) = linux.and_then(|linux| linux.resources().as_ref()) else {
        return;
    };
    if let Some(memory) = resources.memory() {
        self::memory(memory, list);
    }
    if let Some(cpu) = resources.cpu() {
        self::cpu(cpu, list);
    }
    if let Some(block) = resources.block_io() {
        block_io(block, list);
    }
    if let Some(network) = resources.network() {
        self::network(network, list);
    }
    others(resources, list);
}

fn file(list: &mut List, what: &str, asked: String, property: &str, files: Vec<FileAsked>) {
    let id = format!("cgroup_file.{what}");
    let property = format!("linux.resources.{property}");
    list.add(id, asked, &property, Check::CgroupFile(files));
}

fn memory(memory: &LinuxMemory, list: &mut List) {
    // 0 asks for nothing, as of the limit itself.
    let set = |value: Option<i64>| value.filter(|value| *value != 0);
    if let Some(reservation) = set(memory.reservation()) {
        let text = amount(reservation);
        let files = resource::reservation(reservation);
        file(
            list,
            "memory.reservation",
            text,
            "memory.reservation",
            files,
        );
    }
    if let Some(both) = set(memory.swap()) {
        let limit = memory.limit().filter(|limit| *limit > 0);
        let files = resource::swap(both, limit);
        file(list, "memory.swap", amount(both), "memory.swap", files);
    }
    if let Some(limit) = set(memory.kernel_tcp()) {
        let text = amount(limit);
        let files = vec![written("memory.kmem.tcp.limit_in_bytes", &text)];
        file(list, "memory.kernel_tcp", text, "memory.kernelTCP", files);
    }
    if let Some(swappiness) = memory.swappiness() {
        let text = swappiness.to_string();
        let files = vec![written("memory.swappiness", &text)];
        file(list, "memory.swappiness", text, "memory.swappiness", files);
    }
    if memory.disable_oom_killer() == Some(true) {
        let line = "oom_kill_disable 1";
        let files = vec![written("memory.oom_control", line)];
        let property = "memory.disableOOMKiller";
        file(list, "memory.oom_control", line.to_owned(), property, files);
    }
}

fn cpu(cpu: &LinuxCpu, list: &mut List) {
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        let files = resource::shares(shares);
        file(list, "cpu.shares", shares.to_string(), "cpu.shares", files);
    }
    if let Some(idle) = cpu.idle() {
        let files = vec![written("cpu.idle", &amount(idle))];
        file(list, "cpu.idle", amount(idle), "cpu.idle", files);
    }
    if let Some(burst) = cpu.burst() {
        let text = burst.to_string();
        let files = vec![
            written("cpu.cfs_burst_us", &text),
            written("cpu.max.burst", &text),
        ];
        file(list, "cpu.burst", text, "cpu.burst", files);
    }
    if let Some(runtime) = cpu.realtime_runtime().filter(|runtime| *runtime != 0) {
        let files = vec![written("cpu.rt_runtime_us", &amount(runtime))];
        let property = "cpu.realtimeRuntime";
        file(list, "cpu.rt_runtime_us", amount(runtime), property, files);
    }
    if let Some(period) = cpu.realtime_period().filter(|period| *period != 0) {
        let text = period.to_string();
        let files = vec![written("cpu.rt_period_us", &text)];
        file(list, "cpu.rt_period_us", text, "cpu.realtimePeriod", files);
    }
}

fn block_io(block: &LinuxBlockIo, list: &mut List) {
    if let Some(weight) = block.weight().filter(|weight| *weight != 0) {
        let files = resource::block_weight(weight);
        file(
            list,
            "io.weight",
            weight.to_string(),
            "blockIO.weight",
            files,
        );
    }
    for device in block.weight_device().iter().flatten() {
        let Some(weight) = device.weight() else {
            continue;
        };
        let name = format!("{}:{}", device.major(), device.minor());
        let line = format!("{name} {weight}");
        let files = vec![
            written("blkio.weight_device", &line),
            written("blkio.bfq.weight_device", &line),
            written("io.bfq.weight", &line),
        ];
        let what = format!("io.weight.{name}");
        file(list, &what, line, "blockIO.weightDevice", files);
    }
    throttle(
        list,
        "ReadBps",
        "read_bps",
        "rbps",
        block.throttle_read_bps_device().as_ref(),
    );
    throttle(
        list,
        "WriteBps",
        "write_bps",
        "wbps",
        block.throttle_write_bps_device().as_ref(),
    );
    throttle(
        list,
        "ReadIOPS",
        "read_iops",
        "riops",
        block.throttle_read_iops_device().as_ref(),
    );
    throttle(
        list,
        "WriteIOPS",
        "write_iops",
        "wiops",
        block.throttle_write_iops_device().as_ref(),
    );
}

fn throttle(
    list: &mut List,
    property: &str,
    file_of_v1: &str,
    key_of_v2: &str,
    devices: Option<&Vec<LinuxThrottleDevice>>,
) {
    for device in devices.into_iter().flatten() {
        let (name, rate) = (
            format!("{}:{}", device.major(), device.minor()),
            device.rate(),
        );
        let line = format!("{name} {rate}");
        let files = resource::throttle(&name, file_of_v1, key_of_v2, rate);
        let what = format!("io.{key_of_v2}.{name}");
        let property = format!("blockIO.throttle{property}Device");
        file(list, &what, line, &property, files);
    }
}

fn network(network: &LinuxNetwork, list: &mut List) {
    if let Some(class) = network.class_id().filter(|class| *class != 0) {
        let text = class.to_string();
        let files = vec![written("net_cls.classid", &text)];
        file(list, "net_cls.classid", text, "network.classID", files);
    }
    for one in network.priorities().iter().flatten() {
        let line = format!("{} {}", one.name(), one.priority());
        let files = vec![written("net_prio.ifpriomap", &line)];
        let what = format!("net_prio.{}", one.name());
        file(list, &what, line, "network.priorities", files);
    }
}

fn others(resources: &LinuxResources, list: &mut List) {
    for page in resources.hugepage_limits().iter().flatten() {
        let (size, text) = (page.page_size(), amount(page.limit()));
        let files = vec![
            written(&format!("hugetlb.{size}.limit_in_bytes"), &text),
            written(&format!("hugetlb.{size}.max"), &text),
        ];
        let what = format!("hugetlb.{size}");
        file(list, &what, text, "hugepageLimits", files);
    }
    for (device, limits) in resources.rdma().iter().flatten() {
        let handles = limits.hca_handles();
        let handles = handles.map(|count| format!("hca_handle={count}"));
        let objects = limits.hca_objects();
        let objects = objects.map(|count| format!("hca_object={count}"));
        let words = [Some(device.clone()), handles, objects];
        let line = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let what = format!("rdma.{device}");
        file(
            list,
            &what,
            line.clone(),
            "rdma",
            vec![written("rdma.max", &line)],
        );
    }
    // In the order of names: a map of the configuration has none.
    let mut unified: Vec<_> = resources.unified().iter().flatten().collect();
    unified.sort();
    for (name, text) in unified {
        let rule = FileRule::of(name, text);
        let asked = rule.text();
        let name = name.clone();
        let files = vec![FileAsked {
            name: name.clone(),
            rule,
        }];
        file(list, &name, asked, "unified", files);
    }
}
