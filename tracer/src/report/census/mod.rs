//! Who is there now, as documents: containers, namespaces, cgroups, one process. Owns their fields,
//! which only get more. Pure.

pub mod cgroups;
pub mod containers;
pub mod inspection;
pub mod namespaces;
pub mod since;

use std::io::{self, Write};

use serde::Serialize;

use crate::event::Tgid;
use crate::event::certificate::UNLIMITED;
use crate::expect::wording::bytes_text;
use crate::host::HostFacts;

use super::document::{Machine, SCHEMA_VERSION, Tool};

/// What opens each of these documents.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The program.
    pub tracer: Tool,
    /// The machine.
    pub host: Machine,
    /// Tasks that were seen, every thread being one.
    pub tasks: usize,
    /// Processes that /proc lists before and after and the kernel's iterator did not show: what
    /// they hold is missing, and they are in no count. A kernel can be built to hide some.
    pub hidden: Vec<Tgid>,
}

impl Head {
    /// Of this machine; `tasks` were seen, and `hidden` should have been.
    #[must_use]
    pub fn new(host: &HostFacts, version: &str, tasks: usize, hidden: Vec<Tgid>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tracer: Tool {
                version: version.to_owned(),
            },
            host: Machine {
                kernel: host.kernel.clone(),
                machine: host.machine.clone(),
                boot_id: host.boot_id.clone(),
            },
            tasks,
            hidden,
        }
    }

    /// What a table ends with.
    fn write_hidden(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.hidden.is_empty() {
            return Ok(());
        }
        let numbers: Vec<String> = self.hidden.iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "not seen: the kernel's iterator leaves out {}, which /proc lists: {}",
            count_text(self.hidden.len(), "process", "processes"),
            numbers.join(" ")
        )
    }
}

/// A limit of memory; `none` is no limit.
fn memory_text(bytes: u64) -> String {
    if bytes == UNLIMITED {
        "none".to_owned()
    } else {
        bytes_text(bytes)
    }
}

/// As people say it: the largest unit, and one below it.
pub(super) fn age_text(seconds: u64) -> String {
    let units = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)];
    let largest = units.iter().position(|(_, unit)| seconds >= *unit);
    let parts: Vec<String> = units[largest.unwrap_or(units.len() - 1)..]
        .iter()
        .take(2)
        .scan(seconds, |rest, (name, unit)| {
            let part = format!("{}{name}", *rest / unit);
            *rest %= unit;
            Some(part)
        })
        .collect();
    parts.concat()
}

fn count_text(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units_at_most() {
        assert_eq!(age_text(0), "0s");
        assert_eq!(age_text(59), "59s");
        assert_eq!(age_text(61), "1m1s");
        assert_eq!(age_text(3 * 86400 + 3600 * 5 + 59), "3d5h");
    }
}
