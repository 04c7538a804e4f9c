//! Names that belong to one run alone, written the same for every run.

/// `text` with the container's id as `ID` wherever it stands by itself in a path, and with what
/// mkstemp(3) put at the end of a name as `RANDOM`.
pub(super) fn of_any_run(text: &str, id: Option<&str>) -> String {
    let words = text.split(' ').map(|word| {
        let components = word.split('/').map(|component| {
            let component = match id {
                Some(id) if !id.is_empty() => without_id(component, id),
                _ => component.to_owned(),
            };
            without_random(&component)
        });
        components.collect::<Vec<_>>().join("/")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Only as a word of its own: the id `a` does not stand in `bar`.
fn without_id(component: &str, id: &str) -> String {
    let mut out = String::new();
    let mut rest = component;
    while let Some(at) = rest.find(id) {
        let (before, from) = rest.split_at(at);
        let after = &from[id.len()..];
        let alone = !before.ends_with(char::is_alphanumeric)
            && !after.starts_with(char::is_alphanumeric)
            && (out.is_empty() || !before.is_empty());
        out.push_str(before);
        out.push_str(if alone { "ID" } else { id });
        rest = after;
    }
    out + rest
}

/// Six letters and digits after a separator, of at least two classes, as templates have them.
fn without_random(component: &str) -> String {
    let Some(at) = component.rfind(['.', '-', '_']) else {
        return component.to_owned();
    };
    let (name, ending) = component.split_at(at + 1);
    let has = |class: fn(&char) -> bool| ending.chars().any(|letter| class(&letter));
    let classes = [
        has(char::is_ascii_lowercase),
        has(char::is_ascii_uppercase),
        has(char::is_ascii_digit),
    ];
    let random = ending.len() == 6
        && ending.chars().all(|letter| letter.is_ascii_alphanumeric())
        && classes.into_iter().filter(|has| *has).count() > 1;
    format!("{name}{}", if random { "RANDOM" } else { ending })
}

#[cfg(test)]
mod tests {
    use super::of_any_run;

    #[test]
    fn ids_and_random_endings_are_the_same_in_every_run() {
        let of = |text| of_any_run(text, Some("box"));
        assert_eq!(of("/run/runc/box/runc.viKz2y"), "/run/runc/ID/runc.RANDOM");
        assert_eq!(of("/machine/libpod-box.scope"), "/machine/libpod-ID.scope");
        assert_eq!(of("mount /a/box /b"), "mount /a/ID /b");
        assert_eq!(of("box"), "ID");
        assert_eq!(of_any_run("/a/b", None), "/a/b");
        assert_eq!(of_any_run("/a/b", Some("")), "/a/b");
    }

    #[test]
    fn what_only_looks_like_them_stays() {
        let of = |text| of_any_run(text, Some("box"));
        for text in [
            "/usr/bin/busybox",
            "/a/boxes",
            "/a/boxbox",
            "/etc/systemd.target",
            "/lib/libfoo-123456",
            "/a/name.ab12",
            "/a/viKz2y",
        ] {
            assert_eq!(of(text), text);
        }
    }
}
