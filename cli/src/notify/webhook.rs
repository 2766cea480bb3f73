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

pub(super) fn send(
    to: &Webhook,
    authorities: Option<&Path>,
    message: &Message,
    now: Timestamp,
) -> Result<(), NotifyError> {
    let unreadable = |source| NotifyError::Secret { path: to.secret_file.clone(), source };
    let secret = Zeroizing::new(fs::read_to_string(&to.secret_file).map_err(unreadable)?);
    let body = serde_json::to_vec(message).map_err(|error| unreadable(error.into()))?;
    let signature = signature(secret.trim_end(), now.as_seconds(), &body);
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
    use super::*;

    /// Computed with `printf '1800000000.{"kind":"report"}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn a_signature_is_what_other_tools_compute() {
        let signed = signature("secret", 1_800_000_000, br#"{"kind":"report"}"#);
        assert_eq!(signed, "t=1800000000,v1=2b56812b362832bfc78cfed43d161cebf9c757eef1f423af3fabaef4e21d7f3d");
    }
}
