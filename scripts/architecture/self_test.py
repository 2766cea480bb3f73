"""Plants one violation of each rule in a small project and expects exactly that finding: a check that
cannot fail is no check. Also plants what only looks like a violation and expects silence."""

import tempfile
from pathlib import Path

from .rules import CRATE_ARROWS, TOO_LONG, find_all

FOLDERS = {
    "coffre-core": "vault/core",
    "coffre-policies": "policies",
    "coffre-store": "vault/store",
    "coffre-backup": "backup",
    "coffre-import": "vault/import",
    "coffre-server": "vault/server",
    "coffre-cli": "cli",
}

# (rule that must speak, file to write, its text)
PLANTED = [
    ("arrows", "vault/core/Cargo.toml", '[package]\nname = "coffre-core"\n[dependencies]\ncoffre-store.workspace = true\n'),
    ("arrows", "backup/Cargo.toml", '[package]\nname = "coffre-backup"\n[dev-dependencies]\ncoffre-store.workspace = true\n'),
    ("arrows", "extra/Cargo.toml", '[package]\nname = "coffre-extra"\n'),
    ("home", "cli/Cargo.toml", '[package]\nname = "coffre-cli"\n[dependencies]\nrusqlite.workspace = true\n'),
    ("home", "vault/import/src/rows.rs", "//! Rows.\nuse rusqlite::Connection;\n"),
    ("home", "vault/server/src/usecases/read.rs", "//! Read.\nuse axum::Json;\n"),
    ("home", "backup/src/ship.rs", "//! Ship.\nfn ship() -> anyhow::Result<()> { Ok(()) }\n"),
    ("home", "vault/server/src/authorization.rs", "//! Decide.\nuse cedar_policy::Decision;\n"),
    ("process", "backup/src/ship.rs", "//! Ship.\nuse std::process::Command;\n"),
    ("process", "cli/src/open.rs", "//! Open.\nuse std::process::{ExitCode, Command};\n"),
    ("process", "cli/src/open.rs", "//! Open.\nfn f() { tokio::process::Command::new(x); }\n"),
    ("pure", "vault/core/src/clock.rs", "//! Clock.\nfn now() { std::time::SystemTime::now(); }\n"),
    ("pure", "vault/core/src/file.rs", "//! File.\nuse std::fs::File;\n"),
    ("pure", "policies/src/decide.rs", "//! Decide.\nfn dice() { getrandom::fill(x); }\n"),
    ("layers", "vault/server/src/usecases/read.rs", "//! Read.\nuse crate::http::Problem;\n"),
    ("layers", "vault/server/src/usecases/read.rs", "//! Read.\nuse crate::{\n    clock::Clock,\n    http::Problem,\n};\n"),
    ("layers", "vault/server/src/authorization/grant.rs", "//! Grant.\nuse super::super::usecases::Read;\n"),
    ("layers", "vault/server/src/http/read.rs", "//! Read.\nuse crate::authorization::decide;\n"),
    ("docs", "cli/src/undocumented.rs", "// An ordinary comment.\n"),
    ("docs", "cli/src/empty.rs", ""),
    ("names", "vault/core/src/utils.rs", "//! Things.\n"),
    ("names", "cli/tests/common/mod.rs", "//! Things.\n"),
    ("unfinished", "cli/src/later.rs", "//! Later.\nfn later() { todo!() }\n"),
    ("unfinished", "cli/tests/later.rs", "//! Later.\n#[test]\n#[ignore]\nfn later() {}\n"),
    ("reasons", "docs/DEPENDENCIES.md", "| `toml` | typed; like `serde` |\n"),
    ("reasons", "docs/DEPENDENCIES.md", "| `serde`, `toml` | typed |\n| `gone` | was here |\n"),
    ("reasons", "vault/store/Cargo.toml", '[package]\nname = "coffre-store"\n[dependencies]\nserde = "1"\n'),
    ("tests", "docs/FAULTS.md", "| full | `cli disks::a_broken_disk_…` |\n"),
    ("tests", "docs/FAULTS.md", "| full | `cli floods::` |\n"),
    ("length", "cli/src/long.rs", "//! Long.\n" + "\n" * TOO_LONG),
]

# What the rules must let pass.
INNOCENT = [
    ("vault/store/src/rows.rs", "//! Rows.\nuse rusqlite::Connection;\n"),
    ("vault/server/src/http/read.rs", "//! Read.\nuse axum::Json;\nuse crate::usecases::read;\n"),
    ("cli/src/says.rs", '//! axum and rusqlite, in a comment.\nconst S: &str = "use rusqlite::x; todo!()";\n'),
    ("cli/src/raw.rs", '//! Raw.\nconst S: &str = r#"anyhow " rusqlite::x "#; /* axum /* axum */ axum */\n'),
    ("cli/src/quote.rs", "//! Quote.\nfn f<'a>(c: &'a char) -> bool { *c == '\"' || *c == '\\'' }\n// rusqlite \"\n"),
    ("cli/src/exit.rs", "//! Exit.\nuse std::process::ExitCode;\nuse clap::Command;\n"),
    ("backup/src/restic/run.rs", "//! Run.\nuse std::process::Command;\n"),
    ("backup/src/age.rs", "//! Age.\n#[cfg(test)]\nmod tests {\n    use std::process::Command;\n}\n"),
    ("cli/tests/faults.rs", "//! Faults.\nmod disks;\nfn a_full_disk_is_told() {}\n"),
    ("backup/tests/restic.rs", "//! Restic.\nuse std::process::Command;\n"),
    ("vault/core/src/tests.rs", "//! Tests.\nuse std::fs;\n"),
    ("cli/src/reasoned.rs", "//! Table.\n//!\n//! Long because it is one table.\n" + "\n" * TOO_LONG),
]


def run():
    """The list of what went wrong; empty when every rule does what it says."""
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root, "Cargo.toml", "[workspace.dependencies]\ncoffre-core = { path = \"vault/core\" }\nserde = \"1\"\ntoml = \"1\"\n")
        _write(root, "docs/FAULTS.md", "| full | `cli disks::`, `disks::a_full_…` of `coffre` |\n")
        _write(root, "docs/DEPENDENCIES.md", "| `serde` | documents |\n| `toml` | typed |\n")
        for crate, path in FOLDERS.items():
            manifest = f'[package]\nname = "{crate}"\n[dependencies]\n'
            manifest += "".join(f"{name}.workspace = true\n" for name in sorted(CRATE_ARROWS[crate]))
            _write(root, f"{path}/Cargo.toml", manifest)
            _write(root, f"{path}/src/lib.rs", "//! A crate.\n")
        for path, text in INNOCENT:
            _write(root, path, text)
        findings, _ = find_all(root)
        failures += [f"a clean project was refused: {finding}" for finding in findings]
        for rule, path, text in PLANTED:
            failures += _plant(root, rule, path, text)
    return failures


def _plant(root, rule, path, text):
    target = root / path
    before = target.read_text(encoding="utf-8") if target.exists() else None
    _write(root, path, text)
    rules = {finding.rule for finding in find_all(root)[0] if finding.path == path}
    if before is None:
        target.unlink()
    else:
        target.write_text(before, encoding="utf-8")
    return [] if rules == {rule} else [f"planted `{rule}` in {path}, found {sorted(rules) or 'nothing'}"]


def _write(root, path, text):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
