//! Attributes that a process hands on through exec, and how the kernel serves it. Owns their ids and
//! words.

use crate::expect::attribute::{
    IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked, nodes_text, personality_text,
};
use crate::expect::file::document::{Document, MemoryPolicy, Mems, Scheduler, TimeOffsets};
use crate::expect::file::form::{Asked, At, Form, Never, Text};
use crate::expect::file::word::{
    IoPriority, MemoryMode, NodeList, OomScore, Personality, Policy, Seconds, Terminal, Umask,
};
use crate::expect::wording::{clock_text, umask_text};
use crate::expect::{Check, Clock};

use super::Translation;

impl Translation<'_> {
    pub(super) fn attributes(&mut self, document: &Document) {
        if let Some(at) = &document.oom_score_adj.0 {
            let Text(OomScore(bound)) = at.value;
            let text = bound.text(ToString::to_string);
            self.add(at.line, "oom_score_adj", text, Check::OomScoreAdj(bound));
        }
        if let Some(at) = &document.umask.0 {
            let Text(Umask(bits)) = at.value;
            self.add(at.line, "umask", umask_text(bits), Check::Umask(bits));
        }
        let check = Check::SessionKeyringPrivate;
        let keyring = &document.session_keyring;
        self.word(keyring, "session_keyring", "not the host's", check);
        if let Some(at) = &document.terminal.0 {
            let Text(Terminal(asked)) = at.value;
            self.add(at.line, "terminal", asked.text(), Check::Terminal(asked));
        }
        self.scheduler(&document.scheduler);
        if let Some(at) = &document.io_priority.0 {
            let Text(IoPriority(asked)) = at.value;
            let text = IoPriorityAsked::text(asked);
            self.add(at.line, "io_priority", text, Check::IoPriority(asked));
        }
        self.memory_policy(&document.memory_policy);
        if let Some(at) = &document.personality.0 {
            let Text(Personality(bits)) = at.value;
            let check = Check::Personality(bits);
            self.add(at.line, "personality", personality_text(bits), check);
        }
        if let Some(at) = &document.domainname.0 {
            let name = at.value.0.0.clone();
            let check = Check::Domainname(name.clone());
            self.add(at.line, "domainname", name, check);
        }
    }

    fn scheduler(&mut self, asked: &Asked<Form<Policy, Never, Scheduler>>) {
        let Some(at) = &asked.0 else { return };
        let wanted = match &at.value {
            Form::Word(Policy(policy)) => SchedulerAsked {
                policy: Some(*policy),
                ..SchedulerAsked::default()
            },
            Form::Map(map) => SchedulerAsked {
                policy: map.policy.0.as_ref().map(|at| at.value.0.0),
                nice: map.nice.0.as_ref().map(|at| at.value.0.0),
                priority: map.priority.0.as_ref().map(|at| at.value.0.0),
                reset_on_fork: map.reset_on_fork.0.as_ref().map(|at| at.value),
                ..SchedulerAsked::default()
            },
            Form::List(never) => match *never {},
        };
        let text = wanted.text();
        self.add(at.line, "scheduler", text, Check::Scheduler(wanted));
    }

    fn memory_policy(&mut self, asked: &Asked<Form<MemoryMode, Never, MemoryPolicy>>) {
        let Some(at) = &asked.0 else { return };
        let wanted = match &at.value {
            Form::Word(MemoryMode(mode)) => MemoryPolicyAsked {
                mode: Some(*mode),
                ..MemoryPolicyAsked::default()
            },
            Form::Map(map) => {
                let flags = map.flags.0.iter().flat_map(|at| &at.value);
                MemoryPolicyAsked {
                    mode: map.mode.0.as_ref().map(|at| at.value.0.0),
                    nodes: map.nodes.0.as_ref().map(|at| at.value.0.0.clone()),
                    flags: flags.fold(0, |flags, flag| flags | flag.0.0),
                }
            }
            Form::List(never) => match *never {},
        };
        let text = wanted.text();
        self.add(at.line, "memory_policy", text, Check::MemoryPolicy(wanted));
    }

    pub(super) fn memory_nodes(&mut self, asked: &Asked<Form<NodeList, Never, Mems>>) {
        let Some(at) = &asked.0 else { return };
        let (text, check) = match &at.value {
            Form::Word(NodeList(nodes)) => (nodes_text(nodes), Check::CpusetMems(nodes.clone())),
            Form::Map(Mems { within }) => {
                let nodes = within.0.0.clone();
                let text = format!("within {}", nodes_text(&nodes));
                (text, Check::CpusetMemsWithin(nodes))
            }
            Form::List(never) => match *never {},
        };
        self.add(at.line, "cpuset.mems", text, check);
    }

    pub(super) fn time_offsets(&mut self, at: At<TimeOffsets>) {
        for (clock, asked) in [
            (Clock::Monotonic, at.value.monotonic),
            (Clock::Boottime, at.value.boottime),
        ] {
            let Some(at) = asked.0 else { continue };
            let Text(Seconds(offset)) = at.value;
            let id = format!("time_offsets.{}", clock.name());
            let check = Check::TimeOffset { clock, offset };
            self.add(at.line, id, clock_text(offset), check);
        }
    }
}
