//! The control socket's verbs, for the vault's own user: `docs/formats/control.md`.

mod applications;
mod audit;
mod vault;

use super::routes::Routes;

pub(super) fn routes() -> Routes {
    applications::routes().merge(audit::routes()).merge(vault::routes())
}
