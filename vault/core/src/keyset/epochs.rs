//! Data epochs: what is written from one rotation of the data, or one restore, to the next. Each has a secret of its own,
//! without which no key of it can be derived, so that whoever holds older keys reads nothing of a later epoch.

use crate::crypto::{Entropy, OpenError, SecretKey};

/// The secrets of the data epochs, oldest first. They only become more: former ones open what backups hold. The first epoch
/// has none. `Debug` shows nothing.
#[derive(Debug, Clone, Default)]
pub struct Epochs(Vec<SecretKey>);

impl Epochs {
    /// The epoch that every vault begins with.
    pub const FIRST: u32 = 1;

    /// Those of the second epoch and of the ones after it.
    pub const fn of(secrets: Vec<SecretKey>) -> Self {
        Self(secrets)
    }

    /// The newest epoch that there is a secret for.
    pub fn newest(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(Self::FIRST)
    }

    /// Makes the secret of a further epoch; gives which it is.
    pub fn announce(&mut self, entropy: &mut dyn Entropy) -> u32 {
        self.0.push(SecretKey::random(entropy));
        self.newest()
    }

    /// All secrets, of the second epoch first.
    pub fn secrets(&self) -> &[SecretKey] {
        &self.0
    }

    /// What the keys of an epoch are salted with; the first one's are not.
    pub(super) fn salt(&self, epoch: u32) -> Result<Option<&SecretKey>, OpenError> {
        if epoch == Self::FIRST {
            return Ok(None);
        }
        let unknown = OpenError::Epoch { epoch, newest: self.newest() };
        let at = epoch.checked_sub(Self::FIRST + 1).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.0.get(at)).map(Some).ok_or(unknown)
    }
}
