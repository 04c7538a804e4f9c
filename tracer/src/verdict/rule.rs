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
    let mut items = judgement.items;
    for (number, rule) in (1..).zip(rules) {
        let (verdict, seen, reason) = match rule.decide(certificate) {
            Ok(true) if lost => {
                let reason = "exec records are missing".to_owned();
                (Verdict::Inconclusive, "it holds", Some(reason))
            }
            Ok(true) => (Verdict::Pass, "it holds", None),
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
