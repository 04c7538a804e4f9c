//! The whole host, audited: which container was born, by whom, what became of it. Owns the records of
//! the stream and what they are made of. Pure: events and facts go in, records come out; must not
//! read the machine nor write anything.

pub mod auditor;
mod birth;
pub mod exposition;
pub mod filter;
pub mod gate;
mod identity;
pub mod journal;
mod judging;
mod lineage;
pub mod loss;
mod makers;
mod order;
mod outside;
pub mod overview;
mod presence;
pub mod record;
pub mod status;
pub mod step;
mod template;
pub mod timeline;
pub mod words;

pub use auditor::{Auditor, Setting};
pub use identity::container_id;
pub use judging::Judging;
pub use record::Record;
pub use template::template;

use schemars::schema_for;

/// The JSON Schema of the records.
pub fn schema() -> serde_json::Value {
    schema_for!(Record).to_value()
}

#[cfg(test)]
mod tests;
