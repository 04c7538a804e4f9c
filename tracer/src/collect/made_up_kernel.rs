//! A made-up kernel, for tests of the resolver: it has all that is asked for, until a test takes
//! something away. Owns where everything stands.

use std::collections::BTreeMap;

use tracer_common::layout::{QUERIES, Query};

use super::super::btf::made_up::Builder;
use super::super::syscalls::SETNS_FUNCTION;
use super::{OffsetError, Offsets};

/// A member of a made-up struct.
#[derive(Clone, Debug)]
pub enum Member {
    Value(u32),
    Pointer(u32),
    Bits(u32),
    Bit(u32),
    /// An array of 64-bit numbers.
    Array(u32),
    /// A struct that is held in place, or an anonymous one where the name is empty.
    Inner(u32, Members),
}

pub type Members = BTreeMap<String, Member>;

/// Room of everything that is made up.
pub const SIZE: u32 = 1 << 16;
/// How many elements its arrays have.
const ELEMENTS: u32 = 31;
/// Where the value of an enumerator begins.
const VALUES: u32 = 3;

/// A kernel that has all that is asked for, each member elsewhere.
#[derive(Clone)]
pub struct Kernel {
    pub structs: Vec<(String, Members)>,
    pub enums: Vec<(String, Vec<(String, u32)>)>,
}

impl Kernel {
    pub fn whole() -> Self {
        let mut structs: BTreeMap<String, Members> = BTreeMap::new();
        let mut enums: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
        for (_, query) in QUERIES {
            match *query {
                Query::Offset(name, path) | Query::MemberSize(name, path) => {
                    let members = structs.entry(name.to_owned()).or_default();
                    put(members, name, path, Member::Value);
                }
                Query::Bit(name, path) => {
                    let members = structs.entry(name.to_owned()).or_default();
                    put(members, name, path, Member::Bit);
                }
                Query::IsPointer(name, path) => {
                    let members = structs.entry(name.to_owned()).or_default();
                    put(members, name, path, Member::Pointer);
                }
                Query::Element(name, path, _) => {
                    let members = structs.entry(name.to_owned()).or_default();
                    put(members, name, path, Member::Array);
                }
                Query::Size(name) => {
                    structs.entry(name.to_owned()).or_default();
                }
                Query::Value(name, value) => {
                    let values = enums.entry(name.to_owned()).or_default();
                    let next = VALUES + u32::try_from(values.len()).expect("few");
                    values.push((value.to_owned(), next));
                }
            }
        }
        let mut kernel = Self {
            structs: structs.into_iter().collect(),
            enums: enums.into_iter().collect(),
        };
        // The programs read these in one go.
        let cred = kernel.members("cred");
        for (name, at) in [
            ("uid", 8),
            ("fsgid", 36),
            ("cap_inheritable", 48),
            ("cap_ambient", 80),
        ] {
            cred.insert(name.to_owned(), Member::Value(at));
        }
        kernel
    }

    pub fn members(&mut self, name: &str) -> &mut Members {
        let mut structs = self.structs.iter_mut();
        let found = structs.find(|(own, _)| own == name);
        &mut found.expect(name).1
    }

    pub fn build(&self) -> Vec<u8> {
        let mut builder = Builder::default();
        builder.int().pointer(1).long().array(3, ELEMENTS);
        for (name, members) in &self.structs {
            emit(&mut builder, name, members);
        }
        for (name, values) in &self.enums {
            let values: Vec<(&str, u32)> = values
                .iter()
                .map(|(name, value)| (&**name, *value))
                .collect();
            builder.enumeration(name, &values);
        }
        builder.typedef("btf_trace_sys_exit", 2);
        builder.function("bpf_iter_task");
        builder.function(SETNS_FUNCTION);
        builder.build()
    }

    pub fn resolve(&self) -> Result<Offsets, OffsetError> {
        Offsets::resolve(&self.build(), &[], &[])
    }
}

/// Adds what a path leads to, at an offset that tells it from its neighbours and from those of
/// other structs.
fn put(members: &mut Members, name: &str, path: &str, member: fn(u32) -> Member) {
    let seed: u32 = name.bytes().map(u32::from).sum();
    let at = 8 * (1 + seed % 97 + 101 * u32::try_from(members.len()).expect("few"));
    match path.split_once('.') {
        None => {
            members.entry(path.to_owned()).or_insert(member(at));
        }
        Some((first, rest)) => {
            let inner = members
                .entry(first.to_owned())
                .or_insert_with(|| Member::Inner(at, Members::new()));
            if let Member::Inner(_, members) = inner {
                put(members, first, rest, member);
            }
        }
    }
}

/// Adds a struct, after those that it holds. Gives its id.
fn emit(builder: &mut Builder, name: &str, members: &Members) -> u32 {
    let mut all = Vec::new();
    for (name, member) in members {
        // Leading dots tell anonymous members of one struct apart.
        let name = name.trim_start_matches('.');
        all.push(match member {
            Member::Value(at) => (name, 1, 8 * at, 0),
            Member::Pointer(at) => (name, 2, 8 * at, 0),
            Member::Bits(at) => (name, 1, 8 * at, 3),
            Member::Bit(at) => (name, 1, 8 * at + 5, 1),
            Member::Array(at) => (name, 4, 8 * at, 0),
            Member::Inner(at, members) => (name, emit(builder, "", members), 8 * at, 0),
        });
    }
    builder.bit_fields(name, SIZE, &all).last()
}
