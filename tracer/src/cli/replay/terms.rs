//! By what a recording is judged: what it holds, or what is named in place of that. Owns the
//! choice; where expectations come from is `verify`'s.

use super::{AnewArguments, Expectation, Failure, Select, verify};
use crate::{expect::rule::Rule, host::HostFacts, verify::judging::Terms};

/// Terms with all that they are made of.
#[derive(Clone)]
pub(super) struct Owned {
    expectations: Vec<Expectation>,
    rules: Vec<Rule>,
    select: Select,
}

impl Owned {
    /// Those that a recording holds.
    pub(super) fn recorded(
        expectations: &[Expectation],
        rules: &[String],
        select: &Select,
        host: &HostFacts,
    ) -> Result<Self, Failure> {
        Ok(Self {
            expectations: expectations.to_vec(),
            rules: verify::rules(rules, host)?,
            select: select.clone(),
        })
    }

    /// Nothing could be judged by them.
    pub(super) const fn expects_nothing(&self) -> bool {
        self.expectations.is_empty() && self.rules.is_empty()
    }

    /// As the judge takes them.
    pub(super) fn lend<T>(&self, host: &HostFacts, judge: impl FnOnce(&Terms<'_>) -> T) -> T {
        let rules = verify::judging(self.rules.clone(), host);
        judge(&Terms {
            expectations: &self.expectations,
            rules: rules.as_ref(),
            select: &self.select,
        })
    }
}

impl AnewArguments {
    /// Nothing is named: all is judged as it was.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.select.is_none()
    }

    /// The flags again, one by one.
    pub(super) fn words(&self) -> Vec<String> {
        let select = self
            .select
            .iter()
            .map(|select| format!("--select {select}"));
        self.sources.words().into_iter().chain(select).collect()
    }

    /// What is named; for the rest, what was recorded. Whatever is expected takes the place of
    /// all that was.
    pub(super) fn terms(
        &self,
        args: &[String],
        host: &HostFacts,
        recorded: Option<&Owned>,
    ) -> Result<Owned, Failure> {
        let select = self.select.clone();
        let of_then = recorded.filter(|_| self.sources.is_empty());
        let mut terms = match of_then {
            Some(recorded) => recorded.clone(),
            // This machine's devices are not those of then.
            None => Owned {
                expectations: verify::expectations(&self.sources, args, host, &|_| Vec::new())?,
                rules: verify::rules(&self.sources.rule, host)?,
                select: recorded.map(|then| then.select.clone()).unwrap_or_default(),
            },
        };
        if let Some(select) = select {
            terms.select = select;
        }
        Ok(terms)
    }
}
