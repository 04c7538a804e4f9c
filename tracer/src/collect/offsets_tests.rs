//! The resolver against made-up kernels: a member that is missing, renamed, moved, of another kind
//! or defined twice, and damaged data. An answer is the true one or none.

use proptest::prelude::*;
use zerocopy::FromZeros as _;

use super::super::syscalls::SETNS_FUNCTION;
use super::made_up::{Kernel, Member, Members, SIZE};
use super::*;

fn words(layout: &Layout) -> Vec<u32> {
    let mut words = vec![0_u32; QUERIES.len()];
    words.as_mut_bytes().copy_from_slice(layout.as_bytes());
    words
}

/// What a query names: struct and path.
fn named(query: Query) -> Option<(&'static str, &'static str)> {
    match query {
        Query::Offset(name, path)
        | Query::MemberSize(name, path)
        | Query::Bit(name, path)
        | Query::IsPointer(name, path)
        | Query::Element(name, path, _) => Some((name, path)),
        Query::Size(_) | Query::Value(..) => None,
    }
}

/// The members that hold the last part of a path, and that part.
fn innermost<'a>(members: &'a mut Members, path: &str) -> (&'a mut Members, String) {
    match path.split_once('.') {
        None => (members, path.to_owned()),
        Some((first, rest)) => match members.get_mut(first) {
            Some(Member::Inner(_, members)) => innermost(members, rest),
            other => panic!("{path}: {other:?}"),
        },
    }
}

/// Fields of which the query names this member.
fn fields_of(name: &str, path: &str) -> Vec<&'static str> {
    let same = |query: Query| named(query) == Some((name, path));
    let fields = QUERIES.iter().filter(|(_, query)| same(*query));
    fields.map(|(field, _)| *field).collect()
}

/// Changes one member after the other. Its fields must be absent and named, or the whole refused
/// where all hangs on them; every other field must be as before.
fn each_member(change: impl Fn(&mut Kernel, &str, &str)) {
    let whole = Kernel::whole();
    let before = whole.resolve().expect("whole");
    for (name, path) in QUERIES.iter().filter_map(|(_, query)| named(*query)) {
        let mut kernel = whole.clone();
        change(&mut kernel, name, path);
        let mut gone = fields_of(name, path);
        match kernel.resolve() {
            Err(OffsetError::Indispensable { field, .. }) => {
                assert!(gone.contains(&field) && INDISPENSABLE.contains(&field));
            }
            Err(error) => panic!("{name}.{path}: {error}"),
            Ok(after) => {
                assert!(gone.iter().all(|field| !INDISPENSABLE.contains(field)));
                // Ids and sets of credentials are read from the first to the last.
                match gone[0] {
                    "cred_fsgid" => gone.push("cred_uid"),
                    "cred_cap_ambient" => gone.push("cred_cap_inheritable"),
                    _ => {}
                }
                let absent_now = &after.absent;
                let pairs = words(&before.layout).into_iter().zip(words(&after.layout));
                for ((field, _), (before, after)) in QUERIES.iter().zip(pairs) {
                    let expected = if gone.contains(field) { ABSENT } else { before };
                    assert_eq!(after, expected, "{field} without {name}.{path}");
                    let mut absent = absent_now.iter();
                    let told = absent.any(|(name, why)| name == field && !why.is_empty());
                    assert_eq!(told, gone.contains(field), "{field} without {name}.{path}");
                }
            }
        }
    }
}

#[test]
fn a_kernel_that_has_all_lacks_nothing() {
    let offsets = Kernel::whole().resolve().expect("whole");
    assert_eq!(offsets.absent, []);
    let values = words(&offsets.layout);
    assert!(!values.contains(&ABSENT));
    // None is where another of its struct is, so that no answer can be another's.
    for ((field, query), value) in QUERIES.iter().zip(&values) {
        for ((other, next), another) in QUERIES.iter().zip(&values) {
            if let (Query::Offset(name, _), Query::Offset(same, _)) = (query, next)
                && name == same
                && field != other
            {
                assert_ne!(value, another, "{field}, {other}");
            }
        }
    }
}

#[test]
fn a_member_that_was_taken_away_is_absent_and_named() {
    each_member(|kernel, name, path| {
        let (members, last) = innermost(kernel.members(name), path);
        members.remove(&last);
    });
}

#[test]
fn a_member_with_another_name_is_absent_and_named() {
    each_member(|kernel, name, path| {
        let (members, last) = innermost(kernel.members(name), path);
        let member = members.remove(&last).expect("there");
        members.insert(format!("__{last}"), member);
    });
}

#[test]
fn a_member_that_became_a_bit_field_is_absent_and_named() {
    each_member(|kernel, name, path| {
        let (members, last) = innermost(kernel.members(name), path);
        if let Some(Member::Value(at) | Member::Pointer(at)) = members.get(&last) {
            let bits = Member::Bits(*at);
            members.insert(last, bits);
        } else {
            members.remove(&last);
        }
    });
}

/// Whichever is meant, the other would be wrong.
#[test]
fn a_member_that_two_structs_of_a_name_have_elsewhere_is_absent_and_named() {
    each_member(|kernel, name, path| {
        let mut twin = kernel.members(name).clone();
        let (members, last) = innermost(&mut twin, path);
        match members.get_mut(&last) {
            Some(member @ (Member::Value(_) | Member::Bit(_))) => {
                *member = Member::Pointer(SIZE / 2);
            }
            Some(member @ Member::Pointer(_)) => *member = Member::Value(SIZE / 2),
            other => panic!("{name}.{path}: {other:?}"),
        }
        kernel.structs.push((name.to_owned(), twin));
    });
}

#[test]
fn structs_that_are_there_twice_and_alike_are_one() {
    let mut kernel = Kernel::whole();
    let before = kernel.resolve().expect("whole");
    kernel.structs.extend(kernel.structs.clone());
    let after = kernel.resolve().expect("twice");
    assert_eq!((after.layout, after.absent), (before.layout, Vec::new()));
}

#[test]
fn members_that_were_moved_are_found_where_they_are_now() {
    let whole = Kernel::whole();
    let before = whole.resolve().expect("whole");
    let mut kernel = whole.clone();
    for (_, members) in &mut kernel.structs {
        // As with structure randomisation, but for the order.
        let moved = Member::Inner(16, std::mem::take(members));
        members.insert(
            ".".to_owned(),
            Member::Inner(24, [(".".to_owned(), moved)].into()),
        );
    }
    let after = kernel.resolve().expect("moved");
    assert_eq!(after.absent, []);
    let pairs = words(&before.layout).into_iter().zip(words(&after.layout));
    for ((field, query), (before, after)) in QUERIES.iter().zip(pairs) {
        match query {
            Query::Offset(..) | Query::Element(..) => assert_eq!(after, before + 40, "{field}"),
            Query::Bit(..) => assert_eq!(after, before + 8 * 40, "{field}"),
            _ => assert_eq!(after, before, "{field}"),
        }
    }
}

#[test]
fn a_struct_that_is_missing_takes_its_members_along_and_nothing_else() {
    let whole = Kernel::whole();
    let before = words(&whole.resolve().expect("whole").layout);
    for (index, (name, _)) in whole.structs.iter().enumerate() {
        let mut kernel = whole.clone();
        kernel.structs.remove(index);
        let after = match kernel.resolve() {
            Ok(after) => words(&after.layout),
            Err(OffsetError::Indispensable { field, .. }) => {
                assert!(name == "task_struct" && INDISPENSABLE.contains(&field));
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        for (((field, query), before), after) in QUERIES.iter().zip(&before).zip(after) {
            let gone = type_of(*query) == name.as_bytes();
            assert_eq!(after, if gone { ABSENT } else { *before }, "{field}");
        }
    }
}

#[test]
fn credentials_that_are_scattered_are_absent() {
    for (name, field) in [
        ("fsgid", "cred_uid"),
        ("cap_ambient", "cred_cap_inheritable"),
    ] {
        let mut kernel = Kernel::whole();
        let cred = kernel.members("cred");
        cred.insert(name.to_owned(), Member::Value(200));
        let absent = kernel.resolve().expect("the rest").absent;
        assert_eq!(absent.len(), 1);
        assert_eq!(absent[0].0, field);
    }
}

#[test]
fn an_enum_that_is_there_twice_and_differs_is_absent() {
    let mut kernel = Kernel::whole();
    let controllers = kernel.enums.iter();
    let mut controllers = controllers.filter(|(name, _)| name == "cgroup_subsys_id");
    let (name, mut values) = controllers.next().expect("an enum").clone();
    for (_, value) in &mut values {
        *value += 1;
    }
    kernel.enums.push((name, values));
    let offsets = kernel.resolve().expect("the rest");
    assert_eq!(offsets.layout.ssid_memory, ABSENT);
    assert!(
        offsets
            .absent
            .iter()
            .any(|(field, _)| *field == "ssid_memory")
    );
}

#[test]
fn ids_are_found_by_kind_and_name() {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let data = Kernel::whole().build();
    let typedefs = names(&["btf_trace_sys_exit", "btf_trace_none", "bpf_iter_task"]);
    let functions = names(&["bpf_iter_task", SETNS_FUNCTION, "btf_trace_sys_exit"]);
    let offsets = Offsets::resolve(&data, &typedefs, &functions).expect("whole");
    let found = |ids: &Ids| {
        ids.0
            .iter()
            .map(|(_, name)| name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&offsets.tracepoints), ["btf_trace_sys_exit"]);
    assert_eq!(found(&offsets.functions), ["bpf_iter_task", SETNS_FUNCTION]);
}

/// Whatever is left of the types, an answer is the true one or none.
#[test]
fn cut_off_data_gives_true_answers_or_none() {
    let data = Kernel::whole().build();
    let whole = words(&Offsets::resolve(&data, &[], &[]).expect("whole").layout);
    let types = u32::from_ne_bytes(data[12..16].try_into().expect("four"));
    let mut read = 0;
    for length in (0..=types).step_by(4) {
        // The section of types ends there, and says so; what follows stays where it is.
        let mut cut = data.clone();
        cut[12..16].copy_from_slice(&length.to_ne_bytes());
        read += usize::from(true_or_none(&cut, &whole));
    }
    assert!(read > 0, "some cuts fall between types");
    for length in (0..data.len()).step_by(7) {
        assert!(!true_or_none(&data[..length], &whole), "{length} bytes");
    }
}

/// Whether it can be read at all.
fn true_or_none(data: &[u8], whole: &[u32]) -> bool {
    let Ok(offsets) = Offsets::resolve(data, &[], &[]) else {
        return false;
    };
    for (value, truth) in words(&offsets.layout).iter().zip(whole) {
        assert!([*truth, ABSENT].contains(value));
    }
    true
}

proptest! {
    #[test]
    fn damage_is_survived(
        at in proptest::collection::vec(any::<proptest::sample::Index>(), 1..20),
        with in any::<u8>(),
    ) {
        let mut data = Kernel::whole().build();
        for index in at {
            let place = index.index(data.len());
            data[place] ^= with;
        }
        if let Ok(offsets) = Offsets::resolve(&data, &[], &[]) {
            prop_assert!(words(&offsets.layout).len() == QUERIES.len());
        }
    }

    #[test]
    fn garbage_is_refused(data in proptest::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(Offsets::resolve(&data, &[], &[]).is_err());
    }
}

#[test]
fn a_field_that_differs_is_found() {
    let (mut one, two) = (Layout::new_zeroed(), Layout::new_zeroed());
    assert_eq!(differs(&one, &two), None);
    one.task_tgid = ABSENT;
    assert_eq!(
        differs(&one, &two),
        Some(("task_tgid", Answer(ABSENT), Answer(0)))
    );
}
