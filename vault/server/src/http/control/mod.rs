//! The control socket's verbs, for the vault's own user: `docs/formats/control.md`.

mod applications;
mod approvals;
mod audit;
mod copies;
mod import;
mod keys;
mod retention;
mod test_data;
mod vault;

use super::routes::Routes;

pub(super) fn routes() -> Routes {
    applications::routes()
        .merge(approvals::routes())
        .merge(audit::routes())
        .merge(copies::routes())
        .merge(import::routes())
        .merge(keys::routes())
        .merge(vault::routes())
        .merge(retention::routes())
        .merge(test_data::routes())
}
