//! Births: what is told of one, and what is wrong with it. Owns the record; whether there was one, the model
//! says.

use crate::event::{Event, Hold, NamespaceSlot};
use crate::model::Birth;
use crate::verdict::{PerKind, Verdict};

use super::auditor::{Ancestry, Auditor};
use super::gate;
use super::identity;
use super::lineage;
use super::record::{Born, Container, Lineage, LineageSource, SeenBy, Violation, What};

impl Auditor {
    pub(super) fn born(&mut self, event: &Event, number: usize, ancestry: &Ancestry<'_>) {
        let Some(birth) = self.births.get(number).cloned() else {
            return;
        };
        let told = self.lineages.take(&event.task);
        let (lineage, source) = match told {
            Some(lineage) => (Some(lineage), LineageSource::Kernel),
            None => (ancestry(birth.payload.tgid), LineageSource::Proc),
        };
        let lineage = lineage::record(&self.host.boot_id, lineage.as_ref(), source);
        let hold = gate::held(event).unwrap_or(Hold::Free);
        self.tell_birth(event, &birth, SeenBy::Exec, lineage, hold);
    }

    /// Tells of a birth and of what is wrong with it, and decides upon its payload where that is held.
    pub(super) fn tell_birth(
        &mut self,
        event: &Event,
        birth: &Birth,
        seen_by: SeenBy,
        lineage: Lineage,
        hold: Hold,
    ) {
        let (mut born, verdict, mut violation) = self.born_record(birth, seen_by, lineage);
        born.enforced = self.judged(birth, verdict, hold);
        if let Some(violation) = &mut violation {
            violation.enforced = born.enforced;
        }
        let boot_id = &self.host.boot_id;
        born.timeline = Some(self.pasts.timeline(boot_id, birth, &self.model));
        if !birth.domain.namespaces.is_empty() {
            self.pasts.told(&birth.payload, &mut self.model);
        }
        self.tell(event.time_ns, What::ContainerBorn(Box::new(born)));
        if let Some(violation) = violation {
            self.tell(event.time_ns, What::ContainerViolation(violation));
        }
        self.births.release(birth.number);
    }

    pub(super) fn born_record(
        &self,
        birth: &Birth,
        seen_by: SeenBy,
        lineage: Lineage,
    ) -> (Born, Option<Verdict>, Option<Violation>) {
        let lost = self.lost_of(birth);
        let judged = self.judging.judge(
            birth,
            &self.model,
            &self.observation,
            lost,
            self.around(),
            &self.host,
        );
        let stage = birth.domain.namespaces.is_empty();
        // Services have cgroups of their own and are no containers: nothing is expected of them.
        let expected = !stage && self.judging.takes(birth);
        let verdict = judged.verdict.filter(|_| expected);
        let process = identity::payload(&self.host.boot_id, birth);
        let container = self.container(birth);
        let violation = verdict
            .filter(|verdict| *verdict != Verdict::Pass)
            .map(|verdict| Violation {
                container: container.clone(),
                process: process.clone(),
                verdict: verdict.name().to_owned(),
                enforced: None,
                items: judged.items,
            });
        let within = birth.within.and_then(|number| self.births.get(number));
        let namespaces = birth.domain.namespaces.iter();
        let cgroups = birth.domain.cgroups.iter();
        let cgroups = cgroups.filter_map(|key| Some(&self.model.cgroup(*key)?.path));
        let (paths, cut): (Vec<_>, Vec<_>) = cgroups
            .map(|path| (path.text.to_string(), path.cut))
            .unzip();
        let born = Born {
            container,
            process,
            vpid: birth.certificate.vpid(),
            within: within.map(|outer| self.container(outer).id),
            runtime: birth.runtime.as_deref().map(str::to_owned),
            cgroups_alone: stage,
            namespaces: namespaces
                .map(|(kind, id)| identity::namespace(NamespaceSlot::own(*kind), *id))
                .collect(),
            cgroups: paths,
            cgroups_cut: cut.contains(&true),
            seen_by,
            lineage,
            timeline: None,
            enforced: None,
            verdict: verdict.map(|verdict| verdict.name().to_owned()),
            certificate: judged.certificate,
        };
        (born, verdict, violation)
    }

    /// What may be missing of the time in which a container was made.
    fn lost_of(&self, birth: &Birth) -> PerKind {
        self.losses.between(birth.payload.start_ns, birth.time_ns)
    }

    pub(super) fn container(&self, birth: &Birth) -> Container {
        Container {
            id: identity::container_id(&self.host.boot_id, &birth.payload),
            name: birth.id.clone(),
            incomplete: self.lost_of(birth).total() != 0,
        }
    }
}
