//! Consents given and withdrawn, in one line each.

use coffre_core::audit::Action;
use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_store::transactions::{GiveGrant, WithdrawGrant};
use coffre_store::{Depends, Store};

use crate::support::{draft, kind};

pub(crate) fn give(store: &Store, subject: SubjectId, terms: GrantTerms) -> Grant {
    let give = GiveGrant { record_type: kind(), subject, terms };
    store.transact(give, draft(Action::GiveGrant), None, Depends::default()).wait().unwrap().0
}

pub(crate) fn withdraw(store: &Store, grant: GrantId) -> u64 {
    let withdraw = WithdrawGrant { grant };
    store.transact(withdraw, draft(Action::WithdrawGrant), None, Depends::default()).wait().unwrap().1.index()
}
