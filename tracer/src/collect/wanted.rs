//! What a user may ask of the hooks: by which way each is attached, or that it is left out. Owns
//! the grammar of `--hooks`; which hooks and ways there are is told by `hooks`.

use std::str::FromStr;

use super::cast::Reads;
use super::hooks::{self, HOOKS, Hook, Means, Way};

/// The word that leaves a hook out.
const NONE: &str = "none";
/// What stands in a hook's place for how the programs of all of them read.
const READS: &str = "reads";
/// Without it there is no certificate of tracer itself, which all others are compared with.
const INDISPENSABLE: &str = "task";

/// What is asked of one hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The first way that works and that tells all.
    #[default]
    Best,
    /// This way and no other.
    By(Way),
    /// None.
    Out,
}

impl Wanted {
    /// Whether this way may be tried.
    #[must_use]
    pub fn takes(self, means: &Means) -> bool {
        match self {
            Self::Best => means.lacks.is_empty(),
            Self::By(way) => means.way == way,
            Self::Out => false,
        }
    }
}

/// How many hooks there are, with the one that refuses.
const COUNT: usize = HOOKS.len() + 1;

/// What is asked of every hook, in the order of [`hooks::all`], and of all their programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    hooks: [Wanted; COUNT],
    /// How the programs read; without it, by instructions where that works.
    pub reads: Option<Reads>,
}

impl Wants {
    /// What is asked of the hook of this name.
    #[must_use]
    pub fn of(&self, name: &str) -> Wanted {
        let mut all = hooks::all().zip(self.hooks);
        all.find(|(hook, _)| hook.name == name)
            .map_or(Wanted::Best, |(_, wanted)| wanted)
    }

    /// Every hook left out but the one that lists tasks, which waits for no event: to look at what
    /// is there, once.
    #[must_use]
    pub fn tasks_alone() -> Self {
        let of = |hook: &Hook| {
            if hook.name == INDISPENSABLE {
                Wanted::Best
            } else {
                Wanted::Out
            }
        };
        let mut wants = Self::default();
        for (slot, hook) in wants.hooks.iter_mut().zip(HOOKS) {
            *slot = of(hook);
        }
        wants
    }

    /// Asks for one way of the hook of this name, and no other.
    pub fn ask(&mut self, name: &str, way: Way) {
        self.set(name, Wanted::By(way));
    }

    /// Leaves out the hook of this name.
    pub fn leave_out(&mut self, name: &str) {
        self.set(name, Wanted::Out);
    }

    fn set(&mut self, name: &str, wanted: Wanted) {
        let slots = self.hooks.iter_mut().zip(HOOKS);
        for (slot, _) in slots.filter(|(_, hook)| hook.name == name) {
            *slot = wanted;
        }
    }

    /// Whether this way is asked for by name, of any hook.
    #[must_use]
    pub fn names(&self, way: Way) -> bool {
        self.hooks.contains(&Wanted::By(way))
    }
}

impl FromStr for Wants {
    type Err = String;

    /// A list such as `raw_tp,sys_exit=fexit,cgroup_rmdir=none`. A way by itself is asked of every
    /// hook that has it and that is not named; `reads=helper` is about all programs.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut all: Option<Way> = None;
        let mut named = [None; COUNT];
        let mut reads = None;
        for part in text.split(',').map(str::trim) {
            let Some((name, word)) = part.split_once('=') else {
                if part == NONE {
                    return Err("`none` leaves out one hook, as sys_exit=none".to_owned());
                }
                if let Some(earlier) = all.replace(way(part)?) {
                    return Err(format!(
                        "all hooks are asked for by {} and by {part}; name the hook of one of them",
                        earlier.name()
                    ));
                }
                continue;
            };
            if name == READS {
                if reads.replace(word.parse()?).is_some() {
                    return Err(format!("`{READS}` is named twice"));
                }
                continue;
            }
            let (index, hook) = hook(name)?;
            if named[index].replace(wanted(hook, word)?).is_some() {
                return Err(format!("the hook `{name}` is named twice"));
            }
        }
        let of_all = |hook: &Hook| match all {
            Some(way) if has(hook, way) => Wanted::By(way),
            _ => Wanted::Best,
        };
        let mut wants = Self {
            reads,
            ..Self::default()
        };
        for ((slot, hook), named) in wants.hooks.iter_mut().zip(hooks::all()).zip(named) {
            *slot = named.unwrap_or_else(|| of_all(hook));
        }
        Ok(wants)
    }
}

fn has(hook: &Hook, way: Way) -> bool {
    hook.ways.iter().any(|means| means.way == way)
}

fn hook(name: &str) -> Result<(usize, &'static Hook), String> {
    let mut all = hooks::all().enumerate();
    all.find(|(_, hook)| hook.name == name).ok_or_else(|| {
        let names: Vec<&str> = hooks::all().map(|hook| hook.name).collect();
        format!(
            "there is no hook `{name}`; there are {}, and {READS}",
            names.join(", ")
        )
    })
}

fn way(word: &str) -> Result<Way, String> {
    let found = Way::ALL.into_iter().find(|way| way.name() == word);
    found.ok_or_else(|| {
        let names = Way::ALL.map(Way::name).join(", ");
        format!("there is no way `{word}`; there are {names}, and {NONE} after a hook's name")
    })
}

fn wanted(hook: &Hook, word: &str) -> Result<Wanted, String> {
    if word == NONE {
        return if hook.name == INDISPENSABLE {
            Err(format!(
                "the hook `{}` cannot be left out: all is compared with tracer's own certificate, \
                 which it reads",
                hook.name
            ))
        } else {
            Ok(Wanted::Out)
        };
    }
    let way = way(word)?;
    if has(hook, way) {
        return Ok(Wanted::By(way));
    }
    let ways: Vec<&str> = hook.ways.iter().map(|means| means.way.name()).collect();
    Err(format!(
        "the hook `{}` has no way {word}; it has {}",
        hook.name,
        ways.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(text: &str) -> Wants {
        text.parse().expect(text)
    }

    #[test]
    fn a_way_by_itself_is_asked_of_every_hook_that_has_it() {
        let all = wants("raw_tp");
        assert_eq!(all.of("task_newtask"), Wanted::By(Way::RawTp));
        assert_eq!(all.of("task"), Wanted::Best);
        assert!(all.names(Way::RawTp) && !all.names(Way::TpBtf));
        assert_eq!(wants("fexit").of("cgroup_mkdir"), Wanted::Best);
        assert_eq!(wants("fexit").of("sys_exit"), Wanted::By(Way::Fexit));
    }

    #[test]
    fn how_programs_read_is_asked_of_all_of_them() {
        assert_eq!(wants("raw_tp").reads, None);
        let all = wants("reads=helper,raw_tp");
        assert_eq!(all.reads, Some(Reads::Helper));
        assert_eq!(all.of("sys_exit"), Wanted::By(Way::RawTp));
        assert_eq!(wants("reads=instruction").reads, Some(Reads::Instruction));
    }

    #[test]
    fn what_is_asked_of_a_named_hook_goes_before_what_is_asked_of_all() {
        for text in ["raw_tp,sys_exit=none", "sys_exit=none, raw_tp"] {
            assert_eq!(wants(text).of("sys_exit"), Wanted::Out);
            assert_eq!(wants(text).of("task_newtask"), Wanted::By(Way::RawTp));
        }
    }

    #[test]
    fn a_way_that_tells_less_is_taken_only_when_asked_for() {
        for hook in HOOKS {
            for means in hook.ways {
                assert_eq!(Wanted::Best.takes(means), means.way != Way::Fexit);
                assert!(Wanted::By(means.way).takes(means));
                assert!(!Wanted::Out.takes(means));
            }
        }
    }

    #[test]
    fn the_hook_that_refuses_can_be_left_out_too() {
        assert_eq!(wants("raw_tp").of("capable"), Wanted::Best);
        assert_eq!(wants("capable=none").of("capable"), Wanted::Out);
        assert_eq!(wants("lsm").of("capable"), Wanted::By(Way::Lsm));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        for (text, says) in [
            ("", "tp_btf, raw_tp, iter, fexit, lsm, and none"),
            ("bogus", "tp_btf, raw_tp, iter, fexit, lsm, and none"),
            ("raw_tp,", "there is no way ``"),
            ("sys_exit=bogus", "there is no way `bogus`"),
            ("sys_exit=iter", "it has tp_btf, raw_tp, fexit"),
            ("bogus=raw_tp", "there are sched_process_exit, task_newtask"),
            ("=raw_tp", "there is no hook ``"),
            ("raw_tp,tp_btf", "by raw_tp and by tp_btf"),
            ("task=iter,task=iter", "`task` is named twice"),
            ("none", "as sys_exit=none"),
            ("reads=none", "there are instruction and helper"),
            ("reads=helper,reads=helper", "`reads` is named twice"),
            ("reads", "there is no way `reads`"),
            ("task=none", "cannot be left out"),
        ] {
            let error = text.parse::<Wants>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
