//! The splitting itself, by `vsss-rs`: GF(2⁸) without tables, coefficients uniform over the whole field. What it gives is
//! proven before anybody relies on it.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use thiserror::Error;
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use super::{Header, KeyShare, Parts, VaultMark};
use crate::crypto::{Entropy, SecretKey};

/// A secret that was not split, or not put together.
#[derive(Debug, Error)]
pub enum SplitError {
    /// The library refused.
    #[error("the key shares could not be computed ({detail}); this is a fault of the program, report it")]
    Computed {
        /// What the library said, which is no error to Rust.
        detail: String,
    },
    /// A quorum does not give what was split, or fewer than one do.
    #[error(
        "the key shares do not prove themselves; none may be used, so make them again, on another machine if it happens twice"
    )]
    Unproven,
}

fn computed(error: &vsss_rs::Error) -> SplitError {
    SplitError::Computed { detail: error.to_string() }
}

/// Our random bytes, as the library asks for them.
struct Dice<'e>(&'e mut dyn Entropy);

impl TryRng for Dice<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = Zeroizing::new([0; 4]);
        self.0.fill(bytes.as_mut_slice());
        Ok(u32::from_le_bytes(*bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = Zeroizing::new([0; 8]);
        self.0.fill(bytes.as_mut_slice());
        Ok(u64::from_le_bytes(*bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(buffer);
        Ok(())
    }
}

impl TryCryptoRng for Dice<'_> {}

/// Splits a secret for the holders of a vault, and proves the shares ([`check_every_quorum`]).
pub fn split(
    secret: &SecretKey,
    parts: Parts,
    vault: VaultMark,
    entropy: &mut dyn Entropy,
) -> Result<Vec<KeyShare>, SplitError> {
    let mut splitting = [0; 4];
    entropy.fill(&mut splitting);
    let (threshold, count) = (usize::from(parts.threshold), usize::from(parts.count));
    let points =
        Gf256::split_bytes(threshold, count, secret.expose(), Dice(entropy)).map_err(|error| computed(&error))?;
    let share = |point: Vec<u8>| {
        let point = Zeroizing::new(point);
        let (number, point) = point.split_first().ok_or(SplitError::Unproven)?;
        let point = SecretKey::try_from(point).map_err(|_| SplitError::Unproven)?;
        Ok(KeyShare { header: Header { parts, number: *number, vault, splitting }, point })
    };
    let shares = points.into_iter().map(share).collect::<Result<Vec<_>, _>>()?;
    check_every_quorum(&shares, secret)?;
    Ok(shares)
}

/// Proves that all shares are there, that every quorum gives the secret, and that no set of one share fewer does. At most
/// some ten thousand sets.
pub fn check_every_quorum(shares: &[KeyShare], secret: &SecretKey) -> Result<(), SplitError> {
    let parts = shares.first().map(|share| share.header.parts);
    let Some(Parts { threshold, .. }) = parts.filter(|parts| usize::from(parts.count) == shares.len()) else {
        return Err(SplitError::Unproven);
    };
    for set in 0_u32..1 << shares.len().min(usize::from(super::MOST)) {
        let size = set.count_ones();
        if size != u32::from(threshold) && size + 1 != u32::from(threshold) {
            continue;
        }
        let chosen: Vec<KeyShare> =
            shares.iter().enumerate().filter(|(at, _)| (set >> at) & 1 == 1).map(|(_, share)| share.clone()).collect();
        let gives = match chosen.as_slice() {
            [alone] => alone.point == *secret,
            several => combine(several)? == *secret,
        };
        if gives != (size == u32::from(threshold)) {
            return Err(SplitError::Unproven);
        }
    }
    Ok(())
}

/// What shares of one splitting give together; nonsense where they are too few.
pub(super) fn combine(shares: &[KeyShare]) -> Result<SecretKey, SplitError> {
    let points: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(
        shares
            .iter()
            .map(|share| {
                let mut point = Vec::with_capacity(33);
                point.push(share.header.number);
                point.extend_from_slice(share.point.expose());
                point
            })
            .collect(),
    );
    let secret = Zeroizing::new(Gf256::combine_bytes(points.as_slice()).map_err(|error| computed(&error))?);
    SecretKey::try_from(secret.as_slice()).map_err(|_| SplitError::Unproven)
}
