//! The BTF reader against made-up BTF: missing, renamed, moved and duplicate types.

use tracer_common::layout::Query;

use super::made_up::Builder;
use super::*;

fn answer(data: &[u8], query: Query) -> Result<u32, BtfError> {
    Btf::parse(data, |_, _| true).unwrap().answer(query)
}

#[test]
fn a_member_of_an_anonymous_member_is_found_at_the_sum_of_offsets() {
    let data = Builder::default()
        .int()
        .structure("", 8, &[("x", 1, 0), ("y", 1, 32)])
        .structure("outer", 16, &[("a", 1, 0), ("", 2, 64)])
        .build();
    assert_eq!(answer(&data, Query::Offset("outer", "y")), Ok(12));
}

#[test]
fn a_dotted_path_descends() {
    let data = Builder::default()
        .int()
        .structure("inner", 8, &[("x", 1, 0), ("y", 1, 32)])
        .structure("outer", 16, &[("a", 1, 0), ("in", 2, 64)])
        .build();
    assert_eq!(answer(&data, Query::Offset("outer", "in.y")), Ok(12));
}

#[test]
fn a_missing_type_or_member_is_named() {
    let data = Builder::default()
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
    let data = Builder::default()
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
    let data = Builder::default()
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
    let data = Builder::default()
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
    let whole = Builder::default()
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
fn an_element_is_one_of_an_array_of_64_bit_numbers_or_none() {
    let mut builder = Builder::default();
    builder.int().long().array(2, 3).array(1, 3);
    let members = [("longs", 3, 64), ("ints", 4, 256), ("number", 2, 384)];
    let data = builder.structure("s", 56, &members).build();
    assert_eq!(answer(&data, Query::Element("s", "longs", 0)), Ok(8));
    assert_eq!(answer(&data, Query::Element("s", "longs", 2)), Ok(24));
    for (member, index) in [("longs", 3), ("ints", 0), ("number", 0)] {
        assert_eq!(
            answer(&data, Query::Element("s", member, index)),
            Err(BtfError::NoElement(
                "s".to_owned(),
                member.to_owned(),
                index
            ))
        );
    }
}

#[test]
fn a_struct_that_contains_itself_is_an_error_and_never_endless() {
    let data = Builder::default().structure("s", 4, &[("", 1, 0)]).build();
    assert!(answer(&data, Query::Offset("s", "a")).is_err());
}

#[test]
fn structs_that_contain_each_other_over_and_over_are_an_error_and_never_endless() {
    let mut builder = Builder::default();
    // Each holds the next a hundred times: no path is long, and there are 10^40 of them.
    for id in 1..20 {
        let next: Vec<_> = (0..100).map(|_| ("", id + 1, 0)).collect();
        let name = if id == 1 { "s" } else { "" };
        builder.structure(name, 4, &next);
    }
    let data = builder.structure("", 4, &[]).build();
    assert!(answer(&data, Query::Offset("s", "a")).is_err());
}

#[test]
fn a_member_beyond_its_struct_is_an_error_and_never_an_offset() {
    let data = Builder::default()
        .int()
        .structure("s", 8, &[("a", 1, 0), ("array", 1, 64), ("b", 1, 72)])
        .build();
    assert_eq!(answer(&data, Query::Offset("s", "array")), Ok(8));
    assert!(answer(&data, Query::Offset("s", "b")).is_err());
}

#[test]
fn a_bit_field_has_no_offset_even_at_the_start_of_a_byte() {
    let mut builder = Builder::default();
    builder.int().bit_fields(
        "s",
        8,
        &[("wide", 1, 32, 0), ("bits", 1, 8, 3), ("odd", 1, 3, 1)],
    );
    let data = builder.build();
    assert_eq!(answer(&data, Query::Offset("s", "wide")), Ok(4));
    for name in ["bits", "odd"] {
        assert_eq!(
            answer(&data, Query::Offset("s", name)),
            Err(BtfError::BitField("s".into(), name.into()))
        );
    }
}

#[test]
fn a_bit_field_of_one_bit_has_its_number_and_no_other_member_has_one() {
    let mut builder = Builder::default();
    builder.int().bit_fields("", 4, &[("inner", 1, 9, 1)]);
    let members = [("odd", 1, 3, 1), ("", 2, 32, 0), ("wide", 1, 64, 2)];
    let data = builder.bit_fields("s", 12, &members).build();
    assert_eq!(answer(&data, Query::Bit("s", "odd")), Ok(3));
    assert_eq!(answer(&data, Query::Bit("s", "inner")), Ok(41));
    assert_eq!(
        answer(&data, Query::Bit("s", "wide")),
        Err(BtfError::NoBit("s".into(), "wide".into()))
    );
    assert_eq!(
        answer(&data, Query::Bit("s", "other")),
        Err(BtfError::NoMember("s".into(), "other".into()))
    );
}

#[test]
fn a_member_has_the_size_of_its_type_and_a_pointer_none() {
    let mut builder = Builder::default();
    builder.int().structure("inner", 24, &[]).pointer(1);
    builder.typedef("inner_t", 2);
    let members = [("n", 1, 0), ("in", 4, 64), ("p", 3, 256)];
    let data = builder.structure("s", 40, &members).build();
    assert_eq!(answer(&data, Query::MemberSize("s", "n")), Ok(4));
    assert_eq!(answer(&data, Query::MemberSize("s", "in")), Ok(24));
    assert_eq!(
        answer(&data, Query::MemberSize("s", "p")),
        Err(BtfError::NoSize("s".into(), "p".into()))
    );
}

#[test]
fn what_is_not_a_struct_has_no_members() {
    let data = Builder::default()
        .int()
        .pointer(4)
        .structure("outer", 16, &[("behind", 2, 0)])
        .structure("inner", 8, &[("x", 1, 32)])
        .build();
    // Behind a pointer it stands elsewhere.
    assert_eq!(
        answer(&data, Query::Offset("outer", "behind.x")),
        Err(BtfError::NoMember("outer".into(), "behind.x".into()))
    );
}
