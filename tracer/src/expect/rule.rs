//! Conditions of a user's own over the birth certificate, in CEL
//! (<https://github.com/google/cel-spec>). Owns the reading of them and what a fact that the
//! kernel does not tell means to them: such a condition cannot be decided.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::{Context, ExecutionError, Program, Value as Cel};
use serde_json::Value;
use thiserror::Error;

use super::fields;

/// What "unlimited" is to a comparison: more than any amount.
const UNLIMITED: &str = "unlimited";
/// Longest condition in bytes: evaluation takes time in proportion.
const MAX_BYTES: usize = 4096;

/// Why a condition is not accepted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// Too long.
    #[error("a rule of {0} bytes is longer than {MAX_BYTES}; write several")]
    TooLong(usize),
    /// Not CEL.
    #[error("the rule `{rule}` is not understood: {reason}")]
    Grammar {
        /// The rule.
        rule: String,
        /// What the parser says.
        reason: String,
    },
    /// It asks for what no certificate has, or compares what can't be.
    #[error(
        "the rule `{rule}` cannot be decided of any container: {reason}; the certificate of a \
         container is in the report of `tracer verify -o json`"
    )]
    Facts {
        /// The rule.
        rule: String,
        /// What is wrong.
        reason: String,
    },
    /// The same of records.
    #[error(
        "the condition `{rule}` cannot be decided of any record: {reason}; `tracer schema` prints \
         what records hold"
    )]
    Records {
        /// The condition.
        rule: String,
        /// What is wrong.
        reason: String,
    },
}

/// A condition that holds or does not, of any certificate.
#[derive(Clone)]
pub struct Rule {
    text: String,
    program: Arc<Program>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Rule").field(&self.text).finish()
    }
}

impl Rule {
    /// Reads a condition. `template` is a certificate that has every fact: what the condition
    /// names must be there.
    pub fn new(text: &str, template: &Value) -> Result<Self, RuleError> {
        let rule = Self::read(text)?;
        match rule.decide(template).and(rule.names(template)) {
            Ok(()) => Ok(rule),
            Err(reason) => Err(RuleError::Facts {
                rule: text.to_owned(),
                reason,
            }),
        }
    }

    /// The same of records of an audit: `template` has every field of every type of them. What one does not
    /// have is looked at in others, so that a condition over it holds of some.
    pub fn of_records(text: &str, template: &Value) -> Result<Self, RuleError> {
        let rule = Self::read(text)?;
        let sound = match rule.program.execute(&context(template)) {
            Ok(Cel::Bool(_)) | Err(ExecutionError::NoSuchKey(_)) => Ok(()),
            Ok(other) => Err(format!("it gives {}, not true or false", other.type_of())),
            Err(ExecutionError::UndeclaredReference(name)) => Err(format!("there is no `{name}`")),
            Err(error) => Err(one_line(&error.to_string())),
        };
        match sound.and(rule.names(template)) {
            Ok(()) => Ok(rule),
            Err(reason) => Err(RuleError::Records {
                rule: text.to_owned(),
                reason,
            }),
        }
    }

    /// Whether there is all that it names, also where what is known of the template decides it before.
    fn names(&self, template: &Value) -> Result<(), String> {
        match fields::unknown(self.program.expression(), template) {
            Some(name) => Err(format!("there is no fact `{name}`")),
            None => Ok(()),
        }
    }

    fn read(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_BYTES {
            return Err(RuleError::TooLong(text.len()));
        }
        let program = Program::compile(text).map_err(|error| RuleError::Grammar {
            rule: text.to_owned(),
            reason: one_line(&error.to_string()),
        })?;
        Ok(Self {
            text: text.to_owned(),
            program: Arc::new(program),
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a certificate satisfies it; else why that cannot be told, which is so when it
    /// needs a fact that is not there.
    pub fn decide(&self, certificate: &Value) -> Result<bool, String> {
        match self.program.execute(&context(certificate)) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives {}, not true or false", other.type_of())),
            Err(ExecutionError::NoSuchKey(name)) => Err(format!("there is no fact `{name}`")),
            Err(ExecutionError::UndeclaredReference(name)) => Err(format!("there is no `{name}`")),
            Err(error) => Err(one_line(&error.to_string())),
        }
    }
}

fn context(facts: &Value) -> Context<'static, 'static> {
    let mut context = Context::default();
    let members = facts.as_object().into_iter().flatten();
    for (name, value) in members {
        if let Some(value) = converted(value) {
            context.add_variable_from_value(name.as_str(), value);
        }
    }
    context
}

/// Facts as CEL has them; `None` for one that is not known, so that it is not there.
fn converted(value: &Value) -> Option<Cel> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cel::Int(number),
            None => Cel::Int(i64::MAX),
        },
        Value::String(text) if text == UNLIMITED => Cel::Int(i64::MAX),
        Value::String(text) => Cel::from(text.as_str()),
        Value::Array(items) => Cel::List(Arc::new(items.iter().filter_map(converted).collect())),
        Value::Object(members) => {
            let known = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), converted(value)?)));
            Cel::Map(known.collect::<HashMap<String, Cel>>().into())
        }
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn facts() -> Value {
        json!({
            "process": { "vpid": 1, "executable": "/bin/sh" },
            "linux": {
                "no_new_privs": true,
                "securebits": 0,
                "ns": { "net": { "inum": 5, "is_host": false } },
                "capabilities": { "effective": ["CAP_KILL"] },
                "limits": { "pids": { "effective": "unlimited" }, "memory_bytes": { "effective": 4096 } },
            },
        })
    }

    #[test]
    fn conditions_hold_or_do_not() {
        for (text, holds) in [
            ("linux.no_new_privs && !linux.ns.net.is_host", true),
            ("'CAP_SYS_ADMIN' in linux.capabilities.effective", false),
            ("linux.capabilities.effective.all(c, c == 'CAP_KILL')", true),
            ("linux.limits.memory_bytes.effective <= 8192", true),
            ("linux.limits.pids.effective <= 100", false),
            ("process.executable.startsWith('/bin/')", true),
            ("process.vpid == 1 && linux.securebits == 0", true),
        ] {
            let rule = Rule::new(text, &facts()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(rule.decide(&facts()), Ok(holds), "{text}");
        }
    }

    #[test]
    fn what_no_certificate_has_is_refused_at_once() {
        let refusal = |text: &str| Rule::new(text, &facts()).expect_err(text).to_string();
        assert!(refusal("linux.no_new_prives").contains("`no_new_prives`"));
        assert!(refusal("container.name == 'x'").contains("`container`"));
        // What comes after decides nothing of the template, and of another certificate it may.
        let late = refusal("linux.no_new_privs || linux.securebist == 1");
        assert!(late.contains("`linux.securebist`"), "{late}");
        assert!(refusal("linux.securebits").contains("not true or false"));
        assert!(refusal("linux.securebits ==").contains("not understood"));
        assert!(refusal(&"a".repeat(5000)).contains("5000"));
        for text in ["linux.no_new_prives", "1 +", "linux.securebits"] {
            assert!(!refusal(text).contains('\n'), "{}", refusal(text));
        }
    }

    #[test]
    fn a_fact_that_is_not_known_cannot_decide() {
        let rule = Rule::new("linux.securebits == 0", &facts()).expect("accepted");
        let mut unknown = facts();
        unknown["linux"]["securebits"] = Value::Null;
        assert!(rule.decide(&unknown).is_err());
        // Unless it does not matter.
        let rule = Rule::new("process.vpid == 1 || linux.securebits == 0", &facts());
        assert_eq!(rule.expect("accepted").decide(&unknown), Ok(true));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9 .'\\[\\](){}!&|=<>+*/?:,\u{e9}-]{0,60}") {
            let _ = Rule::new(&text, &facts()).map(|rule| rule.decide(&json!({})));
        }
    }
}
