//! Who the payload runs as, and the environment that goes with it. Owns reading the container's
//! user database, for which nobody vouches: it is never followed out of the container's root.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    path::Path,
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::request::RequestError;
use crate::container::spec::User;

/// `PATH` where the payload's environment names none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// More than any user database has: what is longer is something else.
const MOST: u64 = 4 << 20;

/// A user with a home.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    pub user: User,
    pub home: String,
}

/// `asked` is `USER[:GROUP]`, by names of the files below `root` or by numbers, which stand for
/// themselves whether those files know them or not.
pub fn find(asked: Option<&str>, root: &Path) -> Result<Account, RequestError> {
    let asked = asked.unwrap_or("0:0");
    let (name, group) = match asked.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (asked, None),
    };
    let users = Database::open(root, "etc/passwd", "user");
    let (uid, own_gid, entry) = if let Ok(uid) = name.parse::<u32>() {
        let entry = users.find(2, &uid.to_string());
        let gid = entry.as_ref().and_then(|entry| number(entry, 3));
        (uid, gid.unwrap_or(0), entry)
    } else {
        let entry = users.of_name(name)?;
        let ids = number(&entry, 2).zip(number(&entry, 3));
        let (uid, gid) = ids.ok_or_else(|| users.knows_not(name))?;
        (uid, gid, Some(entry))
    };
    let gid = match group.map(|group| (group, group.parse())) {
        None => own_gid,
        Some((_, Ok(gid))) => gid,
        Some((group, Err(_))) => {
            let groups = Database::open(root, "etc/group", "group");
            let entry = groups.of_name(group)?;
            number(&entry, 2).ok_or_else(|| groups.knows_not(group))?
        }
    };
    let home = entry.and_then(|entry| entry.get(5).cloned());
    let default = if uid == 0 { "/root" } else { "/" };
    Ok(Account {
        user: User {
            uid,
            gid,
            groups: Vec::new(),
        },
        home: home
            .filter(|home| home.starts_with('/'))
            .unwrap_or_else(|| default.to_owned()),
    })
}

fn number(entry: &[String], field: usize) -> Option<u32> {
    entry.get(field)?.parse().ok()
}

/// A file like passwd(5) or group(5), or why there is none.
struct Database<'a> {
    root: &'a Path,
    file: &'static str,
    what: &'static str,
    text: io::Result<String>,
}

impl<'a> Database<'a> {
    fn open(root: &'a Path, file: &'static str, what: &'static str) -> Self {
        Self {
            root,
            file,
            what,
            text: read_inside(root, file),
        }
    }

    /// The fields of the first line that has `value` as its field number `field`.
    fn find(&self, field: usize, value: &str) -> Option<Vec<String>> {
        let lines = self.text.as_ref().ok()?.lines();
        lines
            .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
            .find(|fields| fields.get(field).is_some_and(|found| found == value))
    }

    fn of_name(&self, name: &str) -> Result<Vec<String>, RequestError> {
        if let Err(error) = &self.text {
            return Err(RequestError::File {
                what: "names from",
                path: self.root.join(self.file),
                source: io::Error::new(error.kind(), error.to_string()),
                way_out: "give a number",
            });
        }
        self.find(0, name).ok_or_else(|| self.knows_not(name))
    }

    fn knows_not(&self, name: &str) -> RequestError {
        RequestError::Absent(format!(
            "there is no {} `{name}` in {}; give a number",
            self.what,
            self.root.join(self.file).display()
        ))
    }
}

/// Links in `root` lead where they would with `root` as the root directory.
fn read_inside(root: &Path, file: &str) -> io::Result<String> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, root, flags, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(openat2(&root, file, flags, Mode::empty(), resolve)?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    if file.take(MOST + 1).read_to_string(&mut text)? as u64 > MOST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// What was asked for, and what every program may rely on.
pub fn environment(asked: &[String], home: &str) -> Result<Vec<String>, RequestError> {
    let mut variables = Vec::new();
    for variable in asked {
        match variable.split_once('=') {
            Some(("", _)) => {
                return Err(RequestError::Usage(format!(
                    "--env `{variable}` names no variable"
                )));
            }
            Some(_) => variables.push(variable.clone()),
            None => variables.extend(own(variable)),
        }
    }
    let mut defaults = vec![format!("PATH={PATH}"), format!("HOME={home}")];
    // Programs that draw need to know on what.
    if io::stdin().is_terminal() {
        defaults.extend(own("TERM"));
    }
    for default in defaults {
        let name = |variable: &str| variable.split('=').next().map(str::to_owned);
        if !variables.iter().any(|one| name(one) == name(&default)) {
            variables.push(default);
        }
    }
    Ok(variables)
}

/// A variable of tracer's own environment.
fn own(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(format!("{name}={value}"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn root(passwd: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), "helpers:x:300:worker\n").unwrap();
        root
    }

    fn found(asked: &str, root: &Path) -> (u32, u32, String) {
        let account = find(Some(asked), root).unwrap();
        (account.user.uid, account.user.gid, account.home)
    }

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:100:,,,:/srv/worker:/bin/sh\n";

    #[test]
    fn names_and_numbers_of_one_user_are_one_account() {
        let root = root(PASSWD);
        let worker = (1000, 100, "/srv/worker".to_owned());
        assert_eq!(found("worker", root.path()), worker);
        assert_eq!(found("1000", root.path()), worker);
        assert_eq!(found("worker:helpers", root.path()).1, 300);
        assert_eq!(found("1000:7", root.path()).1, 7);
    }

    #[test]
    fn a_number_needs_no_entry_and_no_file() {
        let root = root(PASSWD);
        assert_eq!(found("5:6", root.path()), (5, 6, "/".to_owned()));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(found("0", empty.path()), (0, 0, "/root".to_owned()));
        assert_eq!(found("5", empty.path()), (5, 0, "/".to_owned()));
    }

    #[test]
    fn what_an_entry_lacks_is_not_made_up() {
        let root = root("short:x\nodd:x:a:b:c:d:e\nrelative:x:7:8::home:\n");
        assert!(find(Some("short"), root.path()).is_err());
        assert!(find(Some("odd"), root.path()).is_err());
        assert_eq!(found("relative", root.path()).2, "/");
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_container() {
        let root = root(PASSWD);
        let passwd = root.path().join("etc/passwd");
        fs::rename(&passwd, root.path().join("users")).unwrap();
        symlink("/users", &passwd).unwrap();
        assert_eq!(
            found("worker", root.path()).0,
            1000,
            "the container's own /users"
        );
        fs::remove_file(&passwd).unwrap();
        symlink("../../../../../../../../etc/passwd", &passwd).unwrap();
        let error = find(Some("root"), root.path()).unwrap_err().to_string();
        assert!(
            error.contains("etc/passwd") && error.contains("give a number"),
            "{error}"
        );
    }

    #[test]
    fn a_database_that_is_none_neither_hangs_nor_fills_the_memory() {
        let root = root(PASSWD);
        let passwd = root.path().join("etc/passwd");
        fs::remove_file(&passwd).unwrap();
        fs::create_dir(&passwd).unwrap();
        assert!(find(Some("worker"), root.path()).is_err());
        fs::remove_dir(&passwd).unwrap();
        let huge = fs::File::create(&passwd).unwrap();
        huge.set_len(MOST + 1).unwrap();
        let error = find(Some("worker"), root.path()).unwrap_err().to_string();
        assert!(error.contains("large"), "{error}");
        assert_eq!(found("5", root.path()).0, 5);
    }

    #[test]
    fn what_is_asked_for_replaces_a_default() {
        let asked = ["HOME=/x".to_owned(), "PATH=".to_owned(), "A=b=c".to_owned()];
        let variables = environment(&asked, "/srv/worker").unwrap();
        assert!(variables.contains(&"HOME=/x".to_owned()));
        assert!(variables.contains(&"A=b=c".to_owned()));
        assert_eq!(
            variables
                .iter()
                .filter(|one| one.starts_with("PATH"))
                .count(),
            1
        );
        let variables = environment(&[], "/srv/worker").unwrap();
        assert!(variables.contains(&"HOME=/srv/worker".to_owned()));
        assert!(environment(&["=x".to_owned()], "/").is_err());
    }
}
