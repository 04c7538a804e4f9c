//! Signed envelopes (<https://github.com/secure-systems-lab/dsse>, version 1.0.2) with Ed25519 keys
//! in PEM. Owns their form; keys and texts are handed in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// What an in-toto statement is, to an envelope.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Why an envelope or a key is not accepted.
#[derive(Debug, Error)]
pub enum DsseError {
    /// Not a private key.
    #[error(
        "it is no private Ed25519 key in PKCS#8 PEM (`openssl genpkey -algorithm ed25519` makes one)"
    )]
    PrivateKey,
    /// Not a public key.
    #[error("it is no public Ed25519 key in PEM (`openssl pkey -pubout` gives one)")]
    PublicKey,
    /// A key cannot be written.
    #[error("writing the key as PEM failed")]
    Pem,
    /// Not an envelope.
    #[error("it is no DSSE envelope: {0}")]
    Envelope(String),
    /// No signature of this key.
    #[error("it has no signature that this key made over this payload")]
    Signature,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// A key pair of these random bytes: private and public, in the PEM that openssl has.
pub fn key_pair(secret: [u8; 32]) -> Result<(String, String), DsseError> {
    let key = SigningKey::from_bytes(&secret);
    // Without the public half: openssl reads no PKCS#8 of version 2.
    let pair = KeypairBytes {
        secret_key: secret,
        public_key: None,
    };
    let private = pair
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| DsseError::Pem)?;
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    Ok((private.to_string(), public.map_err(|_| DsseError::Pem)?))
}

/// The envelope of a statement, signed.
pub fn sign(statement: &[u8], private_pem: &str) -> Result<String, DsseError> {
    let key = SigningKey::from_pkcs8_pem(private_pem).map_err(|_| DsseError::PrivateKey)?;
    let signature = key.sign(&encoded(PAYLOAD_TYPE, statement));
    let envelope = Envelope {
        payload: BASE64_STANDARD.encode(statement),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signed {
            keyid: key_id(&key.verifying_key())?,
            sig: BASE64_STANDARD.encode(signature.to_bytes()),
        }],
    };
    let text = serde_json::to_string(&envelope);
    text.map(|text| text + "\n")
        .map_err(|error| DsseError::Envelope(error.to_string()))
}

/// The statement of an envelope that this key has signed.
pub fn verify(envelope: &[u8], public_pem: &str) -> Result<Vec<u8>, DsseError> {
    let wrong = |what: &dyn std::fmt::Display| DsseError::Envelope(what.to_string());
    let key = VerifyingKey::from_public_key_pem(public_pem).map_err(|_| DsseError::PublicKey)?;
    let envelope: Envelope = serde_json::from_slice(envelope).map_err(|error| wrong(&error))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(wrong(&format!("its payload is {}", envelope.payload_type)));
    }
    let payload = BASE64_STANDARD
        .decode(&envelope.payload)
        .map_err(|error| wrong(&error))?;
    let signed = encoded(&envelope.payload_type, &payload);
    let ours = |one: &Signed| {
        let bytes = BASE64_STANDARD.decode(&one.sig).ok()?;
        let signature = Signature::from_slice(&bytes).ok()?;
        key.verify_strict(&signed, &signature).ok()
    };
    let found = envelope.signatures.iter().any(|one| ours(one).is_some());
    found.then_some(payload).ok_or(DsseError::Signature)
}

/// SHA-256 of the public key as X.509 has it.
fn key_id(key: &VerifyingKey) -> Result<String, DsseError> {
    let der = key.to_public_key_der().map_err(|_| DsseError::Pem)?;
    Ok(super::export::hex(&Sha256::digest(der.as_bytes())))
}

/// The pre-authentication encoding: type and body with their lengths, so that neither can be
/// taken for a part of the other.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of the specification's protocol.md.
        assert_eq!(
            encoded("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_signed_statement_is_verified_and_any_change_is_found() {
        let (private, public) = key_pair([7; 32]).expect("keys");
        let envelope = sign(b"{\"a\":1}", &private).expect("signed");
        assert_eq!(
            verify(envelope.as_bytes(), &public).expect("verified"),
            b"{\"a\":1}"
        );
        let (_, stranger) = key_pair([8; 32]).expect("keys");
        assert!(matches!(
            verify(envelope.as_bytes(), &stranger),
            Err(DsseError::Signature)
        ));
        let mut value: Envelope = serde_json::from_str(&envelope).expect("JSON");
        value.payload = BASE64_STANDARD.encode(b"{\"a\":2}");
        let changed = serde_json::to_vec(&value).expect("JSON");
        assert!(matches!(
            verify(&changed, &public),
            Err(DsseError::Signature)
        ));
        value.signatures.clear();
        let unsigned = serde_json::to_vec(&value).expect("JSON");
        assert!(matches!(
            verify(&unsigned, &public),
            Err(DsseError::Signature)
        ));
        value.payload_type = "text/plain".to_owned();
        let other = serde_json::to_vec(&value).expect("JSON");
        assert!(matches!(
            verify(&other, &public),
            Err(DsseError::Envelope(_))
        ));
    }

    #[test]
    fn a_key_as_openssl_makes_it_is_read() {
        // RFC 8410, section 10.3 and 10.1.
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let envelope = sign(b"{}", private).expect("signed");
        assert_eq!(
            verify(envelope.as_bytes(), public).expect("verified"),
            b"{}"
        );
        let (written, _) = key_pair([7; 32]).expect("keys");
        assert_eq!(
            written.lines().nth(1).map(str::len),
            private.lines().nth(1).map(str::len)
        );
    }

    #[test]
    fn what_is_no_key_says_how_to_get_one() {
        let error = sign(b"{}", "no key").expect_err("refused").to_string();
        assert!(error.contains("openssl genpkey"), "{error}");
        let error = verify(b"{}", "no key").expect_err("refused").to_string();
        assert!(error.contains("-pubout"), "{error}");
    }
}
