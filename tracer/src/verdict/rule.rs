//! Conditions of a user's own, judged on a container's certificate as reports have it. Owns the
//! item that becomes of each.

use serde_json::Value;

use crate::expect::rule::Rule;

use super::judge::may_miss_execs;
use super::{Container, Evidence, Item, Verdict};

/// Judges a container that was selected by these rules as well. `certificate` is its birth
/// certificate in the form of reports.
pub fn judge_rules(container: &mut Container, rules: &[Rule], certificate: &Value) {
    let Some(judgement) = container.judgement.take() else {
        return;
    };
    let lost = may_miss_execs(&container.observation);
    let missing = || {
        let cut = container.observation.cut.clone();
        cut.unwrap_or_else(|| "exec records are missing".to_owned())
    };
    let mut items = judgement.items;
    for (number, rule) in (1..).zip(rules) {
        let (verdict, seen, reason) = match rule.decide(certificate) {
            Ok(true) if lost => (Verdict::Inconclusive, "it holds", Some(missing())),
            Ok(true) => (Verdict::Pass, "it holds", None),
            Ok(false) if container.observation.cut.is_some() => {
                (Verdict::Inconclusive, "it does not hold", Some(missing()))
            }
            Ok(false) => {
                let reason = "the certificate does not satisfy it".to_owned();
                (Verdict::Fail, "it does not hold", Some(reason))
            }
            Err(reason) => (Verdict::Inconclusive, "cannot be known", Some(reason)),
        };
        items.push(Item {
            id: format!("rule.{number}"),
            asked: rule.text().to_owned(),
            seen: seen.to_owned(),
            verdict,
            origin: "--rule".to_owned(),
            reason,
            evidence: vec![Evidence {
                seq: Some(container.birth.seq),
                source: "sched_process_exec".to_owned(),
                detail: "the birth certificate".to_owned(),
            }],
        });
    }
    container.judgement = Some(super::Judgement::of(items));
}
