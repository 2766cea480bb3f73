//! Requests that are filed with Legal: a change that another service proposes, or the exercise of a data subject's
//! right, with its clock. What a request says of the person is not here: it is encrypted under the subject's key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::Action;
use crate::day::Day;
use crate::ids::{ApplicationId, FilingId, RequestId, SubjectId};
use crate::record::{FieldPath, RecordTypeName};
use crate::role::Role;
use crate::time::Timestamp;

/// The record type of those who make a request and of whom nothing else is held, or nobody knows what. The vault makes their
/// records with the request; their fields are declared like those of any other type.
pub const REQUESTER: &str = "requester";
/// Months to answer in (GDPR article 12(3)), counted from the day of receipt.
pub const MONTHS: u16 = 1;
/// Months to answer in once the time was extended.
pub const MONTHS_EXTENDED: u16 = 3;
/// A request that is due within so many days is due soon.
pub const SOON_DAYS: u16 = 7;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every one, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(UnknownWord)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// Text that is none of the words of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown word: see the API's description for those there are")]
pub struct UnknownWord;

words!(
    /// What is asked for.
    FilingKind {
        /// A service has learnt that values of a record are wrong.
        Change = "change",
        /// The person wants to know what is held (GDPR article 15).
        Access = "access",
        /// The person wants something corrected (article 16).
        Rectification = "rectification",
        /// The person wants to be erased (article 17).
        Erasure = "erasure",
        /// The person wants processing restricted (article 18).
        Restriction = "restriction",
        /// The person wants to take the data elsewhere (article 20).
        Portability = "portability",
        /// The person objects to a purpose (article 21). While it waits, nobody is told that they may contact the person.
        Objection = "objection",
    }
);

words!(
    /// How the request reached the house.
    Channel {
        /// A letter.
        Letter = "letter",
        /// An e-mail.
        Email = "email",
        /// A call.
        Phone = "phone",
        /// In person.
        Counter = "counter",
        /// A form or an account on a web site.
        Online = "online",
    }
);

words!(
    /// How the person's identity was checked (GDPR article 12(6)).
    IdentityCheck {
        /// Not yet: nothing is disclosed or done before it is.
        NotChecked = "not-checked",
        /// By an account that the person is signed in to.
        Account = "account",
        /// By questions or a call to the address, e-mail or number on file.
        KnownContact = "known-contact",
        /// By a proof of identity, shown where there was a reasonable doubt.
        Document = "identity-document",
        /// The person stood at the counter and is known.
        InPerson = "in-person",
        /// By the mandate of somebody who acts for the person.
        Mandate = "mandate",
    }
);

words!(
    /// How a request stands.
    FilingState {
        /// To be answered.
        Open = "open",
        /// The filer was asked for more. The clock goes on.
        Waiting = "waiting",
        /// The act that was asked for is done.
        Fulfilled = "fulfilled",
        /// Nothing is held about whoever asks, who was told so.
        NothingHeld = "nothing-held",
        /// Nobody could tell who asks, who was told so (GDPR articles 11(2) and 12(6)).
        Unidentified = "unidentified",
        /// It was refused, with a reason.
        Refused = "refused",
        /// The filer took it back.
        Withdrawn = "withdrawn",
    }
);

words!(
    /// What is done with a request.
    FilingAct {
        /// It is filed.
        File = "file",
        /// It is given to an operator.
        Assign = "assign",
        /// How the person was identified is written down.
        Identify = "identify",
        /// The filer is asked for more.
        Ask = "ask",
        /// The filer answers.
        Reply = "reply",
        /// The time to answer is extended.
        Extend = "extend",
        /// Whoever asks was found: it is from now on about that person's record.
        Link = "link",
        /// What it asks for is done.
        Fulfil = "fulfil",
        /// It is answered that nothing is held.
        NothingHeld = "nothing-held",
        /// It is answered that nobody can tell who asks.
        Unidentified = "unidentified",
        /// It is refused.
        Refuse = "refuse",
        /// It is taken back.
        Withdraw = "withdraw",
    }
);

impl FilingKind {
    /// Whether it exercises a right of the data subject.
    pub const fn is_right(self) -> bool {
        !matches!(self, Self::Change)
    }

    /// Whether it may propose values.
    pub const fn may_propose(self) -> bool {
        matches!(self, Self::Change | Self::Rectification)
    }

    /// The act that fulfils it.
    pub const fn fulfilled_by(self) -> Action {
        match self {
            Self::Change | Self::Rectification => Action::Amend,
            Self::Access => Action::ExportAccess,
            Self::Erasure => Action::Erase,
            Self::Restriction => Action::Restrict,
            Self::Portability => Action::ExportPortable,
            Self::Objection => Action::Object,
        }
    }
}

impl FilingState {
    /// Whether it is still to be answered.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Open | Self::Waiting)
    }

    /// How it stands after an act; none where the act is not possible. Nothing follows an answer.
    pub const fn after(self, act: FilingAct) -> Option<Self> {
        if !self.is_pending() {
            return None;
        }
        match act {
            FilingAct::File => None,
            FilingAct::Assign | FilingAct::Identify | FilingAct::Extend | FilingAct::Link => Some(self),
            FilingAct::Ask => Some(Self::Waiting),
            FilingAct::Reply => Some(Self::Open),
            FilingAct::Fulfil => Some(Self::Fulfilled),
            FilingAct::NothingHeld => Some(Self::NothingHeld),
            FilingAct::Unidentified => Some(Self::Unidentified),
            FilingAct::Refuse => Some(Self::Refused),
            FilingAct::Withdraw => Some(Self::Withdrawn),
        }
    }
}

/// A request as it is filed, apart from what it says of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingTerms {
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The data subject.
    pub subject: SubjectId,
    /// What is asked for.
    pub kind: FilingKind,
    /// How it reached the house.
    pub channel: Channel,
    /// How the person's identity was checked.
    pub identity: IdentityCheck,
    /// When it reached the house.
    pub received_on: Day,
}

/// A request. Nothing of it is content: it outlives the erasure that it may have asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// Its identifier.
    pub id: FilingId,
    /// The record's type.
    #[serde(rename = "type")]
    pub record_type: RecordTypeName,
    /// The data subject.
    pub subject: SubjectId,
    /// Whether it was a stranger's, who was found to have this record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub linked: bool,
    /// What is asked for.
    pub kind: FilingKind,
    /// The fields for which it proposes values.
    pub fields: Vec<FieldPath>,
    /// How it reached the house.
    pub channel: Channel,
    /// How the person's identity was checked.
    pub identity: IdentityCheck,
    /// When it reached the house.
    pub received_on: Day,
    /// The last day to answer.
    pub due_on: Day,
    /// How it stands.
    pub state: FilingState,
    /// Who answers it.
    pub assignee: Option<String>,
    /// The application that filed it, which alone follows it.
    pub filer: ApplicationId,
    /// The application's role.
    pub filer_role: Role,
    /// When it was filed.
    pub filed_at: Timestamp,
    /// When the time to answer was extended, if it was.
    pub extended_at: Option<Timestamp>,
    /// When it was answered or taken back.
    pub closed_at: Option<Timestamp>,
    /// In which call that was: the log has the act under it.
    pub closed_in: Option<RequestId>,
}

impl Filing {
    /// The last day to answer, from the day of receipt.
    pub fn due(received_on: Day, extended: bool) -> Day {
        received_on.plus_months(if extended { MONTHS_EXTENDED } else { MONTHS })
    }

    /// Whether it is the request of somebody of whom nothing else is held.
    pub fn is_of_a_stranger(&self) -> bool {
        self.record_type.as_str() == REQUESTER
    }

    /// Whether it was filed as that of somebody of whom nothing else is held, whatever was found since.
    pub fn came_from_a_stranger(&self) -> bool {
        self.linked || self.is_of_a_stranger()
    }

    /// Whether its time is over and it is not answered.
    pub fn is_overdue(&self, today: Day) -> bool {
        self.state.is_pending() && today > self.due_on
    }
}

/// What a step of a request says: personal, so it is stored encrypted.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FilingContent {
    /// The proposed values; `null` removes a field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<FieldPath, Value>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What whoever asked gave of themselves, before they were found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requester: BTreeMap<FieldPath, Value>,
}

impl std::fmt::Debug for FilingContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FilingContent(not shown)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn nothing_follows_an_answer() {
        for state in FilingState::ALL.iter().filter(|state| !state.is_pending()) {
            for act in FilingAct::ALL {
                assert_eq!(state.after(*act), None, "{state} {act}");
            }
        }
        assert_eq!(FilingState::Open.after(FilingAct::File), None, "it is filed once");
        assert_eq!(FilingState::Open.after(FilingAct::Ask), Some(FilingState::Waiting));
        assert_eq!(FilingState::Waiting.after(FilingAct::Reply), Some(FilingState::Open));
        assert_eq!(FilingState::Waiting.after(FilingAct::Extend), Some(FilingState::Waiting));
    }

    #[test]
    fn the_month_runs_from_receipt_and_the_extension_too() {
        let received: Day = "2026-08-31".parse().unwrap();
        assert_eq!(Filing::due(received, false).to_string(), "2026-09-30");
        assert_eq!(Filing::due(received, true).to_string(), "2026-11-30", "three months in all, not one and two");
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in FilingKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("identity-document".parse(), Ok(IdentityCheck::Document));
        assert_eq!("Change".parse::<FilingKind>(), Err(UnknownWord));
    }

    #[test]
    fn what_is_said_is_not_shown_by_debug() {
        let content = FilingContent { text: Some("asthme".to_owned()), ..FilingContent::default() };
        assert!(!format!("{content:?}").contains("asthme"));
    }
}
