//! Devices that can be used, in every way in which they can be asked for.

use tracer_common::record::Certificate;

use super::{becomes, good, without};
use crate::event::device::DeviceSet;
use crate::expect::Check;
use crate::expect::device::{DeviceRule, DevicesAsked};
use crate::verdict::Verdict::{Fail, Inconclusive, Pass};

fn sets(texts: &[&str]) -> Vec<DeviceSet> {
    let set = |text: &&str| DeviceSet::read(text).expect("a set");
    texts.iter().map(set).collect()
}

fn rules(all: &[(bool, &str)]) -> Check {
    let rule = |(allow, text): &(bool, &str)| DeviceRule {
        allow: *allow,
        devices: DeviceSet::read(text).expect("a set"),
    };
    Check::Devices(DevicesAsked::Rules(all.iter().map(rule).collect()))
}

/// The sample can use null, and make files for every device.
#[test]
fn devices_are_those_that_can_be_used_and_no_others() {
    let within = |texts: &[&str]| Check::Devices(DevicesAsked::Within(sets(texts)));
    let none = |texts: &[&str]| Check::Devices(DevicesAsked::Without(sets(texts)));
    let with = |texts: &[&str]| Check::Devices(DevicesAsked::With(sets(texts)));
    for (check, verdict) in [
        (within(&["c 1:3 rw", "a *:* m"]), Pass),
        (within(&["a *:* rwm"]), Pass),
        (within(&["c 1:3 r", "a *:* m"]), Fail),
        (within(&["c 1:3 rw", "b *:* m"]), Fail),
        (none(&["b *:* rw", "c 1:5 rw"]), Pass),
        (none(&["c 1:* w"]), Fail),
        (with(&["c 1:3 rw", "b 8:0 m"]), Pass),
        (with(&["c 1:5 r"]), Fail),
        (rules(&[(false, "a *:* rwm"), (true, "c 1:3 rw")]), Pass),
        // What every runtime supplies need not be, unless it is asked for.
        (rules(&[(false, "a *:* rwm"), (true, "c 1:5 r")]), Fail),
        (rules(&[(true, "a *:* rwm")]), Fail),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::DEVICE_LIST));
        becomes(&check, Inconclusive, without(Certificate::DEVICE_PROGRAMS));
    }
}

#[test]
fn a_device_that_a_bundle_denies_and_no_runtime_supplies_is_a_violation() {
    let denied = rules(&[(false, "a *:* rwm")]);
    becomes(&denied, Pass, good);
    becomes(&denied, Fail, |facts| {
        (
            facts.device_list.exceptions[1].major,
            facts.device_list.exceptions[1].minor,
        ) = (10, 200);
    });
}

#[test]
fn a_program_whose_instructions_did_not_come_up_leaves_it_open() {
    let all = Check::Devices(DevicesAsked::With(sets(&["a *:* m"])));
    becomes(&all, Pass, good);
    becomes(&all, Inconclusive, |facts| {
        facts.device_programs.count = 1;
        facts.device_programs.ids[0] = 7;
    });
}
