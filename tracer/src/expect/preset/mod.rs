//! Presets: expectation files that come with the program. Owns their list; what each asks for,
//! why, and where that is from is said in the files themselves.

/// Names, and the files.
const PRESETS: [(&str, &str); 6] = [
    ("oci-default", include_str!("oci-default.yaml")),
    ("docker-default", include_str!("docker-default.yaml")),
    ("pss-baseline", include_str!("pss-baseline.yaml")),
    ("pss-restricted", include_str!("pss-restricted.yaml")),
    ("strict", include_str!("strict.yaml")),
    ("unshared", include_str!("unshared.yaml")),
];

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The file of that name.
pub fn preset(name: &str) -> Option<&'static str> {
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::file::parse;
    use crate::expect::merge::merge;
    use crate::expect::{Check, Expectation, SetName};

    fn list(name: &str) -> Vec<Expectation> {
        let text = preset(name).expect("a preset");
        parse(text, name).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_preset_asks_for_something() {
        for name in names() {
            assert!(list(name).len() > 4, "{name}");
        }
        assert_eq!(preset("bogus"), None);
    }

    #[test]
    fn every_line_that_asks_says_why() {
        for name in names() {
            let text = preset(name).expect("a preset");
            let mut explained = false;
            for line in text.lines() {
                let line = line.trim();
                if line.starts_with('#') {
                    explained = true;
                } else if line.ends_with(':') || line.is_empty() {
                    explained = false;
                } else {
                    assert!(explained || line.contains(" # "), "{name}: {line}");
                }
            }
        }
    }

    #[test]
    fn the_restricted_standard_is_stricter_than_the_baseline() {
        let both = merge(&[list("pss-baseline"), list("pss-restricted")]).expect("no conflict");
        let checks = |list: &[Expectation]| -> Vec<Check> {
            list.iter().map(|one| one.check.clone()).collect()
        };
        assert_eq!(checks(&both), checks(&list("pss-restricted")));
    }

    #[test]
    fn dockers_capabilities_are_those_of_a_run() {
        let bounding = list("docker-default")
            .into_iter()
            .find_map(|one| match one.check {
                Check::CapabilitiesWithin {
                    set: SetName::Bounding,
                    allowed,
                } => Some(allowed),
                _ => None,
            });
        // moby, daemon/pkg/oci/caps/defaults.go, as in the tests of the command line.
        assert_eq!(bounding, Some(0xa804_25fb));
    }
}
