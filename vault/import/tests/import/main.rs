//! The import from the outside: mapping files, single data subjects, whole runs.

mod beside;
mod golden;
mod mapping_files;
mod meanwhile;
mod real_vault;
mod rejects;
mod runs;
mod support;
