//! `tracer attest`: keys, signatures over attestations, and what a signed one says. Owns the files
//! of keys, which are never overwritten; what a signature is, is `report::dsse`'s.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, exit, files, print, say, sink::Pending};
use crate::report::dsse;

/// Sign attestations, which `--attest FILE` writes, and verify signed ones.
#[derive(Args, Debug)]
pub struct AttestArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a pair of Ed25519 keys: KEY, for you alone, and KEY.pub, for those who verify
    Keygen {
        /// The private key to make; one that is there is never replaced
        #[arg(value_name = "KEY")]
        key: PathBuf,
    },
    /// Put an attestation into a signed envelope (DSSE)
    Sign {
        /// A private key, in PKCS#8 PEM as `tracer attest keygen` and openssl make it
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the envelope goes (default: standard output)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// What `--attest` wrote
        #[arg(value_name = "ATTESTATION")]
        attestation: PathBuf,
    },
    /// Check the signature of an envelope, what it is about, and that it attests a pass
    Verify {
        /// The public key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// What it must be about: a file, or NAME@sha256:DIGEST
        #[arg(long, value_name = "SUBJECT")]
        subject: Vec<String>,
        /// What `tracer attest sign` wrote
        #[arg(value_name = "ENVELOPE")]
        envelope: PathBuf,
    },
}

/// The command.
///
/// # Errors
/// Files and keys that cannot be read.
pub fn run(arguments: &AttestArguments) -> Result<u8, Failure> {
    match &arguments.what {
        What::Keygen { key } => keygen(key),
        What::Sign {
            key,
            out,
            attestation,
        } => sign(key, out.as_deref(), attestation),
        What::Verify {
            key,
            subject,
            envelope,
        } => verify(key, subject, envelope),
    }
}

fn keygen(path: &Path) -> Result<u8, Failure> {
    let mut secret = [0_u8; 32];
    let read = rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty());
    if read != Ok(secret.len()) {
        return Err(Failure::new(exit::ERROR, "reading random bytes failed"));
    }
    let (private, public) =
        dsse::key_pair(secret).map_err(|error| Failure::new(exit::ERROR, error))?;
    let mut public_path = path.as_os_str().to_owned();
    public_path.push(".pub");
    let public_path = PathBuf::from(public_path);
    // First the one that others have nothing of when the second fails.
    create(&public_path, &public, 0o644)?;
    if let Err(failure) = create(path, &private, 0o600) {
        // Of no use without the other.
        let _left = fs::remove_file(&public_path);
        return Err(failure);
    }
    print(&format!("{}\n{}\n", path.display(), public_path.display()))?;
    Ok(exit::PASS)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = fs::File::options();
    let options = options.write(true).create_new(true).mode(mode);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let way_out = match error.kind() {
            io::ErrorKind::AlreadyExists => ": keys are never replaced, name another file",
            _ => "",
        };
        let path = path.display();
        Failure::new(
            exit::ERROR,
            format!("writing the key {path} failed: {error}{way_out}"),
        )
    })
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let path = path.display();
        Failure::new(
            exit::ERROR,
            format!("reading the {what} {path} failed: {error}"),
        )
    })
}

fn key(path: &Path) -> Result<String, Failure> {
    let text = read("key", path)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn sign(key_path: &Path, out: Option<&Path>, attestation: &Path) -> Result<u8, Failure> {
    let refused = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::new(exit::ERROR, format!("{}: {error}", path.display()))
    };
    let statement = read("attestation", attestation)?;
    result(&statement).map_err(|error| refused(attestation, &error))?;
    let pending = out.map(Pending::create).transpose()?;
    let envelope =
        dsse::sign(&statement, &key(key_path)?).map_err(|error| refused(key_path, &error))?;
    match pending {
        Some(pending) => pending.finish(envelope.as_bytes())?,
        None => print(&envelope)?,
    }
    Ok(exit::PASS)
}

/// A signature that does not hold and a result that is no pass have the exit code of `fail`.
fn verify(key_path: &Path, subjects: &[String], envelope: &Path) -> Result<u8, Failure> {
    let name = envelope.display();
    let text = read("envelope", envelope)?;
    let public = key(key_path)?;
    let statement = dsse::verify(&text, &public).map_err(|error| match error {
        dsse::DsseError::PublicKey => {
            Failure::new(exit::ERROR, format!("{}: {error}", key_path.display()))
        }
        error => Failure::new(exit::FAIL, format!("{name}: {error}")),
    })?;
    let (result, statement) =
        result(&statement).map_err(|error| Failure::new(exit::FAIL, format!("{name}: {error}")))?;
    let digests: Vec<&str> = statement["subject"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|subject| subject["digest"]["sha256"].as_str())
        .collect();
    for wanted in subjects {
        let wanted = files::subject(wanted)?;
        if !digests.contains(&wanted.sha256.as_str()) {
            let text = format!(
                "{name}: it is not about {}, sha256 {}",
                wanted.name, wanted.sha256
            );
            return Err(Failure::new(exit::FAIL, text));
        }
    }
    print(&format!(
        "{result}: the signature holds; about {}\n",
        digests.join(" ")
    ))?;
    if result == "PASSED" {
        Ok(exit::PASS)
    } else {
        say(&format!("{name}: it attests {result}"));
        Ok(exit::FAIL)
    }
}

/// The result that a statement claims.
fn result(statement: &[u8]) -> Result<(String, Value), String> {
    let statement: Value = serde_json::from_slice(statement)
        .map_err(|error| format!("it is no attestation: {error}"))?;
    let kind = statement["predicateType"].as_str().unwrap_or_default();
    match statement["predicate"]["result"].as_str() {
        Some(result) if kind.starts_with("https://in-toto.io/attestation/test-result/") => {
            Ok((result.to_owned(), statement))
        }
        _ => Err("it is no attestation of a test result".to_owned()),
    }
}
