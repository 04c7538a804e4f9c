//! What is kept of each thread group that lives: the container that it belongs to, and the program that it executes. There
//! may be a hundred thousand. Owns that nothing is kept of who has neither.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::Tgid;

use super::program::Program;

/// By thread group: one table, of whose room half may be free, and not one for each that is known of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(HashMap<Tgid, Group>);

#[derive(Clone, Debug, Default)]
struct Group {
    /// Its container's number, from 1; 0 = it is in none.
    container: usize,
    program: Option<Arc<Program>>,
}

impl Groups {
    /// The number of its container.
    pub(super) fn container(&self, tgid: Tgid) -> Option<usize> {
        let number = self.0.get(&tgid)?.container;
        (number != 0).then_some(number)
    }

    /// It belongs to this one from now on.
    pub(super) fn join(&mut self, tgid: Tgid, number: usize) {
        self.0.entry(tgid).or_default().container = number;
    }

    /// It belongs to none from now on. Tells the one that it has belonged to.
    pub(super) fn leave(&mut self, tgid: Tgid) -> Option<usize> {
        let before = self.container(tgid)?;
        self.change(tgid, |group| group.container = 0);
        Some(before)
    }

    /// What it executes, or whoever created it, if that is known.
    pub(super) fn program(&self, tgid: Tgid) -> Option<&Arc<Program>> {
        self.0.get(&tgid)?.program.as_ref()
    }

    /// It executes this; `None` = it is not known what.
    pub(super) fn executes(&mut self, tgid: Tgid, program: Option<Arc<Program>>) {
        match program {
            Some(_) => self.0.entry(tgid).or_default().program = program,
            None => self.change(tgid, |group| group.program = None),
        }
    }

    /// Everybody who is in a container, and its number.
    pub(super) fn members(&self) -> impl Iterator<Item = (Tgid, usize)> {
        let all = self.0.iter().map(|(tgid, group)| (*tgid, group.container));
        all.filter(|(_, number)| *number != 0)
    }

    fn change(&mut self, tgid: Tgid, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.0.get_mut(&tgid) {
            change(group);
            if group.container == 0 && group.program.is_none() {
                self.0.remove(&tgid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_neither_container_nor_program_is_not_kept() {
        let (tgid, program) = (Tgid(7), Arc::new(Program::default()));
        let mut groups = Groups::default();
        groups.executes(tgid, None);
        assert_eq!((groups.leave(tgid), groups.0.len()), (None, 0));
        groups.join(tgid, 3);
        groups.executes(tgid, Some(Arc::clone(&program)));
        groups.join(tgid, 4);
        assert_eq!(groups.container(tgid), Some(4));
        assert_eq!(groups.program(tgid), Some(&program));
        assert_eq!(groups.members().collect::<Vec<_>>(), [(tgid, 4)]);

        assert_eq!(groups.leave(tgid), Some(4));
        assert_eq!(groups.program(tgid), Some(&program), "it executes it yet");
        assert_eq!((groups.members().count(), groups.0.len()), (0, 1));
        groups.executes(tgid, None);
        assert_eq!(groups.0.len(), 0);

        groups.join(tgid, 5);
        groups.executes(tgid, None);
        assert_eq!(groups.container(tgid), Some(5));
        assert_eq!((groups.leave(tgid), groups.0.len()), (Some(5), 0));
    }
}
