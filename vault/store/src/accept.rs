//! Opening a vault whose database files another program changed, because somebody who knows says so. What they hold is not looked at.

use std::path::Path;

use coffre_core::audit::{Action, Decision, Draft, OperatorKnown};
use coffre_core::ids::RequestId;

use crate::clock::SystemEntropy;
use crate::disclosure::Depends;
use crate::identity::Identity;
use crate::open::{OpenError, OpenOptions, open_by, own};
use crate::store::Store;
use crate::transactions::NoteOnly;
use crate::{kept_pages, rotate};

impl Store {
    /// Takes the database files for what they should be, whatever they hold: somebody who knows says that another program took
    /// the write-ahead logs into them while the vault was down. The entry that says so is durable before they count as accepted.
    ///
    /// | step | durable after it | a crash leaves |
    /// |---|---|---|
    /// | 1 | what the pages are, in `pages.next` | a vault that is refused as before |
    /// | 2 | the entry | the same, and that somebody accepted |
    /// | 3 | `pages.next` in the place of `pages` | nothing |
    pub fn open_as_it_is(
        dir: &Path,
        identity: &Identity,
        options: &OpenOptions,
        operator: Option<String>,
    ) -> Result<Self, OpenError> {
        let owned = own(dir)?;
        let unwrapped =
            rotate::unwrap(&owned.layout, identity).map_err(|error| OpenError::from(error).unless_full())?;
        kept_pages::begin_next(&owned.layout, &unwrapped.keys, &unwrapped.root.scope)?;
        let next = owned.layout.next_pages();
        let opened = open_by(next, owned.layout, unwrapped, options).map_err(OpenError::unless_full)?;
        let store = Self::start(opened, owned.lock, identity.clone())?;
        store.note_accepted(operator)?;
        store.shared().pages.accept(&store.shared().layout)?;
        Ok(store)
    }

    fn note_accepted(&self, operator: Option<String>) -> Result<(), OpenError> {
        let mut draft = Draft::new(Action::AcceptPages, Decision::Allow, RequestId::random(&mut SystemEntropy));
        draft.operator_known = operator.is_some().then_some(OperatorKnown::LocalAccount);
        draft.operator = operator;
        let noted = self.transact(NoteOnly, draft, None, Depends::default()).wait();
        noted.map(drop).map_err(|error| OpenError::Damaged { detail: error.to_string(), source: None })
    }
}
