//! Claims about how a bundle's process is to be served, and its terminal.

use serde_json::{Value, json};

use super::super::super::attribute::{
    IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked, TerminalAsked,
};
use super::super::super::{Bound, Check, Comparison};
use super::{check, expected, find, translated, with};

#[test]
fn a_terminal_is_asked_for_or_there_is_none() {
    for (asked, terminal) in [
        (json!(true), TerminalAsked::Own),
        (json!(false), TerminalAsked::None),
        (Value::Null, TerminalAsked::None),
    ] {
        let config = with(|config| config["process"]["terminal"] = asked);
        assert_eq!(check(&config, "terminal"), Check::Terminal(terminal));
    }
    let config = with(|config| config["process"] = Value::Null);
    assert!(find(&expected(&config), "terminal").is_none());
}

fn scheduler(asked: Value) -> SchedulerAsked {
    let config = with(|config| config["process"]["scheduler"] = asked);
    match check(&config, "scheduler") {
        Check::Scheduler(asked) => asked,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_scheduling_is_expected_what_counts_under_its_policy() {
    let all = |policy: &str| {
        json!({
            "policy": policy, "nice": 5, "priority": 10,
            "runtime": 1, "deadline": 2, "period": 3,
            "flags": ["SCHED_RESET_ON_FORK", "SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_RECLAIM"],
        })
    };
    let base = |policy| SchedulerAsked {
        policy: Some(policy),
        reset_on_fork: Some(true),
        ..SchedulerAsked::default()
    };
    for (policy, number) in [("SCHED_OTHER", 0), ("SCHED_BATCH", 3)] {
        let nice = Some(Bound::new(Comparison::Exactly, 5));
        let wanted = SchedulerAsked {
            nice,
            ..base(number)
        };
        assert_eq!(scheduler(all(policy)), wanted);
    }
    for (policy, number) in [("SCHED_FIFO", 1), ("SCHED_RR", 2)] {
        let priority = Some(Bound::new(Comparison::Exactly, 10));
        let wanted = SchedulerAsked {
            priority,
            ..base(number)
        };
        assert_eq!(scheduler(all(policy)), wanted);
    }
    assert_eq!(scheduler(all("SCHED_IDLE")), base(5));
    let wanted = SchedulerAsked {
        deadline: Some([1, 2, 3]),
        flags: 2,
        ..base(6)
    };
    assert_eq!(scheduler(all("SCHED_DEADLINE")), wanted);
    let without = json!({"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2});
    assert_eq!(scheduler(without).deadline, Some([1, 2, 2]));
}

#[test]
fn a_priority_at_disks_has_a_level_where_its_class_has_any() {
    let priority = |class: &str, level: i64| {
        with(|config| {
            config["process"]["ioPriority"] = json!({"class": class, "priority": level});
        })
    };
    let asked = |class, level| Check::IoPriority(IoPriorityAsked { class, level });
    let config = priority("IOPRIO_CLASS_RT", 0);
    assert_eq!(check(&config, "io_priority"), asked(1, Some(0)));
    let config = priority("IOPRIO_CLASS_IDLE", 4);
    assert_eq!(check(&config, "io_priority"), asked(3, None));
    for level in [-1, 8] {
        let error = translated(&priority("IOPRIO_CLASS_BE", level)).expect_err("no level");
        assert!(error.to_string().contains("process.ioPriority"), "{error}");
    }
}

#[test]
fn to_prefer_no_node_is_to_prefer_the_nearest() {
    let policy = |asked: Value| {
        let config = with(|config| config["linux"]["memoryPolicy"] = asked);
        match check(&config, "memory_policy") {
            Check::MemoryPolicy(asked) => asked,
            other => panic!("{other:?}"),
        }
    };
    let wanted = |mode, nodes: Option<Vec<u32>>, flags| MemoryPolicyAsked {
        mode: Some(mode),
        nodes,
        flags,
    };
    let asked = json!({"mode": "MPOL_PREFERRED", "nodes": "1"});
    assert_eq!(policy(asked), wanted(1, Some(vec![1]), 0));
    let asked = json!({"mode": "MPOL_PREFERRED"});
    assert_eq!(policy(asked), wanted(4, None, 0));
    let asked = json!({"mode": "MPOL_DEFAULT"});
    assert_eq!(policy(asked), wanted(0, None, 0));
    let flags = ["MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"];
    let asked = json!({"mode": "MPOL_BIND", "nodes": "0,2", "flags": flags});
    let expected = wanted(2, Some(vec![0, 2]), 1 << 14 | 1 << 13);
    assert_eq!(policy(asked), expected);
    let wrong = with(|config| {
        config["linux"]["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "all"});
    });
    let error = translated(&wrong).expect_err("no list").to_string();
    assert!(error.contains("linux.memoryPolicy.nodes"), "{error}");
}

#[test]
fn memory_nodes_are_a_list() {
    let mems =
        |text: &str| with(|config| config["linux"]["resources"]["cpu"]["mems"] = json!(text));
    let nodes = Check::CpusetMems(vec![0, 1, 3]);
    assert_eq!(check(&mems("0-1,3"), "cpuset.mems"), nodes);
    assert!(find(&expected(&mems("")), "cpuset.mems").is_none());
    let error = translated(&mems("x")).expect_err("no list").to_string();
    assert!(error.contains("linux.resources.cpu.mems"), "{error}");
}
