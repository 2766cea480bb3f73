//! A request that proves who sent it: `Coffre-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256, under the shared
//! secret, of `SECONDS`, a full stop and the body. Whoever receives it compares that, and refuses what is too old.

use std::fs;
use std::path::Path;

use coffre_core::crypto::hex;
use coffre_core::time::Timestamp;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::http::{Request, call};
use super::{Message, NotifyError};
use crate::configuration::Webhook;

/// The header with the signature.
const SIGNATURE: &str = "Coffre-Signature";

/// Characters that a secret has at least: a shorter one is guessed, and an empty one signs for everybody.
const SHORTEST: usize = 16;

/// The secret that requests are signed with, without the line end.
pub(crate) fn secret(file: &Path) -> Result<Zeroizing<String>, NotifyError> {
    let unreadable = |source| NotifyError::Secret { path: file.to_owned(), source };
    let mut secret = Zeroizing::new(fs::read_to_string(file).map_err(unreadable)?);
    let length = secret.trim_end().len();
    secret.truncate(length);
    if secret.chars().count() < SHORTEST {
        return Err(NotifyError::ShortSecret { path: file.to_owned(), shortest: SHORTEST });
    }
    Ok(secret)
}

pub(super) fn send(
    to: &Webhook,
    authorities: Option<&Path>,
    message: &Message,
    now: Timestamp,
) -> Result<(), NotifyError> {
    let secret = secret(&to.secret_file)?;
    let unwritable =
        |error: serde_json::Error| NotifyError::Secret { path: to.secret_file.clone(), source: error.into() };
    let body = serde_json::to_vec(message).map_err(unwritable)?;
    let signature = signature(&secret, now.as_seconds(), &body);
    let headers = [("Content-Type", "application/json".to_owned()), (SIGNATURE, signature)];
    call(&Request { url: &to.url, headers: &headers, body: Some(&body) }, authorities)
}

fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::complaint;

    #[test]
    fn a_secret_that_is_short_signs_nothing_and_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for short in ["", "\n", "                    \n", "fifteen letters\n"] {
            fs::write(&file, short).unwrap();
            let error = secret(&file).unwrap_err();
            let told = complaint::chain(&error);
            assert!(told.contains(&format!("{} holds a secret of fewer than 16", file.display())), "{told}");
            assert!(!told.contains("fifteen"), "{told}");
        }
        fs::write(&file, "sixteen letters!\n").unwrap();
        assert_eq!(secret(&file).unwrap().as_str(), "sixteen letters!");
    }

    /// Computed with `printf '1800000000.{"kind":"report"}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn a_signature_is_what_other_tools_compute() {
        let signed = signature("secret", 1_800_000_000, br#"{"kind":"report"}"#);
        assert_eq!(signed, "t=1800000000,v1=2b56812b362832bfc78cfed43d161cebf9c757eef1f423af3fabaef4e21d7f3d");
    }
}
