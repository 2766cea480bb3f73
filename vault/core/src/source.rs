//! Where the data of a record come from (GDPR article 15(1)(g)): an import, or services that wrote or reported them. Whom
//! these had them from is not known here.

use serde::{Serialize, Serializer};

use crate::audit::Action;
use crate::role::Role;

/// One source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The database that was imported.
    Import,
    /// A service.
    Service(Role),
}

impl Source {
    const fn place(self) -> u32 {
        match self {
            Self::Import => 0,
            Self::Service(Role::Legal) => 1,
            Self::Service(Role::CustomerService) => 2,
            Self::Service(Role::Sales) => 3,
            Self::Service(Role::Billing) => 4,
            Self::Service(Role::Dpo) => 5,
            Self::Service(Role::Backup) => 6,
        }
    }

    /// Its name: a role's, or `import`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Service(role) => role.as_str(),
        }
    }

    /// Where what an act writes comes from. What is restored was there before, and a command on the vault's host is of no
    /// service.
    pub const fn of(action: Action, role: Option<Role>) -> Option<Self> {
        match (action, role) {
            (Action::Import | Action::ImportChange, _) => Some(Self::Import),
            (Action::Create | Action::Amend | Action::UploadDocument, Some(role)) => Some(Self::Service(role)),
            _ => None,
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// All sources of a record that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sources(i64);

impl Sources {
    /// As they are stored: the sum of 1 for an import, and of 2, 4, 8, 16, 32 and 64 for the roles, in their order.
    pub const fn from_stored(stored: i64) -> Self {
        Self(stored)
    }

    /// What is stored of them.
    pub const fn stored(self) -> i64 {
        self.0
    }

    /// These and another one.
    #[must_use]
    pub const fn with(self, source: Source) -> Self {
        Self(self.0 | (1 << source.place()))
    }

    /// These and those.
    #[must_use]
    pub const fn joined(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them.
    pub fn list(self) -> Vec<Source> {
        let all = std::iter::once(Source::Import).chain(Role::ALL.into_iter().map(Source::Service));
        all.filter(|source| self.with(*source) == self).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_kept_each_once() {
        let all = std::iter::once(Source::Import).chain(Role::ALL.into_iter().map(Source::Service));
        let stored: Vec<i64> = all.map(|source| Sources::default().with(source).stored()).collect();
        assert_eq!(stored, [1, 2, 4, 8, 16, 32, 64], "as in vaults that there are");
        let both = Sources::default().with(Source::Service(Role::Legal)).with(Source::Import);
        assert_eq!((both.with(Source::Import), both.joined(both)), (both, both));
        assert_eq!(Sources::from_stored(both.stored()).list(), [Source::Import, Source::Service(Role::Legal)]);
        assert!(Sources::default().list().is_empty(), "nothing was written down");
    }

    #[test]
    fn what_is_restored_comes_from_nowhere_new() {
        let legal = Some(Role::Legal);
        assert_eq!(Source::of(Action::Amend, legal), Some(Source::Service(Role::Legal)));
        assert_eq!(Source::of(Action::ImportChange, None), Some(Source::Import));
        for action in [Action::RestoreVersion, Action::RestoreDocument, Action::Read] {
            assert_eq!(Source::of(action, legal), None);
        }
        assert_eq!(Source::of(Action::Create, None), None);
    }
}
