//! The BTF reader against made-up BTF: missing, renamed, moved and duplicate types.
#![expect(
    clippy::cast_possible_truncation,
    reason = "made-up BTF is a few hundred bytes"
)]

use tracer_common::layout::Query;

use super::*;

/// Builds BTF by hand. Type ids count from 1 in the order of the calls.
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(name.bytes());
        self.strings.push(0);
        offset
    }

    fn push(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend(word.to_ne_bytes());
        }
    }

    fn int(&mut self) -> &mut Self {
        let name = self.name("int");
        self.push(&[name, KIND_INT << 24, 4, 32]);
        self
    }

    fn pointer(&mut self, to: u32) -> &mut Self {
        self.push(&[0, KIND_PTR << 24, to]);
        self
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> &mut Self {
        let name = self.name(name);
        let names: Vec<u32> = members.iter().map(|member| self.name(member.0)).collect();
        self.push(&[name, KIND_STRUCT << 24 | members.len() as u32, size]);
        for (name, member) in names.iter().zip(members) {
            self.push(&[*name, member.1, member.2]);
        }
        self
    }

    fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> &mut Self {
        let name = self.name(name);
        let names: Vec<u32> = values.iter().map(|value| self.name(value.0)).collect();
        self.push(&[name, KIND_ENUM << 24 | values.len() as u32, 4]);
        for (name, value) in names.iter().zip(values) {
            self.push(&[*name, value.1]);
        }
        self
    }

    fn build(&self) -> Vec<u8> {
        let mut out = 0xeb9f_u16.to_ne_bytes().to_vec();
        out.extend([1, 0]);
        for word in [24, 0, self.types.len() as u32, self.types.len() as u32] {
            out.extend(word.to_ne_bytes());
        }
        out.extend((self.strings.len() as u32).to_ne_bytes());
        out.extend(&self.types);
        out.extend(&self.strings);
        out
    }
}

fn answer(data: &[u8], query: Query) -> Result<u32, BtfError> {
    Btf::parse(data, |_, _| true).unwrap().answer(query)
}

#[test]
fn a_member_of_an_anonymous_member_is_found_at_the_sum_of_offsets() {
    let data = Builder::new()
        .int()
        .structure("", 8, &[("x", 1, 0), ("y", 1, 32)])
        .structure("outer", 16, &[("a", 1, 0), ("", 2, 64)])
        .build();
    assert_eq!(answer(&data, Query::Offset("outer", "y")), Ok(12));
}

#[test]
fn a_dotted_path_descends() {
    let data = Builder::new()
        .int()
        .structure("inner", 8, &[("x", 1, 0), ("y", 1, 32)])
        .structure("outer", 16, &[("a", 1, 0), ("in", 2, 64)])
        .build();
    assert_eq!(answer(&data, Query::Offset("outer", "in.y")), Ok(12));
}

#[test]
fn a_missing_type_or_member_is_named() {
    let data = Builder::new()
        .int()
        .structure("s", 4, &[("a", 1, 0)])
        .build();
    assert_eq!(
        answer(&data, Query::Offset("t", "a")),
        Err(BtfError::NoType("t".into()))
    );
    assert_eq!(
        answer(&data, Query::Offset("s", "b")),
        Err(BtfError::NoMember("s".into(), "b".into()))
    );
}

#[test]
fn duplicates_that_agree_are_one_and_those_that_differ_are_refused() {
    let data = Builder::new()
        .int()
        .structure("s", 8, &[("a", 1, 0), ("b", 1, 32)])
        .structure("s", 8, &[("a", 1, 32), ("b", 1, 32)])
        .build();
    assert_eq!(answer(&data, Query::Offset("s", "b")), Ok(4));
    assert_eq!(
        answer(&data, Query::Offset("s", "a")),
        Err(BtfError::Ambiguous("s".into(), "a".into()))
    );
}

#[test]
fn a_pointer_is_told_from_a_value() {
    let data = Builder::new()
        .int()
        .pointer(1)
        .structure("s", 16, &[("p", 2, 0), ("v", 1, 64)])
        .build();
    assert_eq!(answer(&data, Query::IsPointer("s", "p")), Ok(1));
    assert_eq!(answer(&data, Query::IsPointer("s", "v")), Ok(0));
    assert_eq!(answer(&data, Query::Size("s")), Ok(16));
}

#[test]
fn an_enumerator_has_its_value() {
    let data = Builder::new()
        .enumeration("e", &[("one", 1), ("five", 5)])
        .build();
    assert_eq!(answer(&data, Query::Value("e", "five")), Ok(5));
    assert_eq!(
        answer(&data, Query::Value("e", "six")),
        Err(BtfError::NoMember("e".into(), "six".into()))
    );
}

#[test]
fn damaged_data_is_an_error_and_never_a_panic() {
    let whole = Builder::new()
        .int()
        .structure("s", 4, &[("a", 1, 0)])
        .build();
    for end in 0..whole.len() {
        if let Ok(btf) = Btf::parse(&whole[..end], |_, _| true) {
            let _ = btf.answer(Query::Offset("s", "a"));
        }
    }
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0xff;
        if let Ok(btf) = Btf::parse(&damaged, |_, _| true) {
            let _ = btf.answer(Query::Offset("s", "a"));
        }
    }
}

#[test]
fn a_struct_that_contains_itself_is_an_error_and_never_endless() {
    let data = Builder::new().structure("s", 4, &[("", 1, 0)]).build();
    assert!(answer(&data, Query::Offset("s", "a")).is_err());
}
