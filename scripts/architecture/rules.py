"""The rules: the tables say what holds, the functions say how it is found out.

Each rule yields findings; a table row that grows needs the same review as the code it lets through.
Function length is not here: clippy's too_many_lines counts it, with the threshold in clippy.toml.
"""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .rust_text import code_only, without_test_modules

# Which crates a crate may name, in any kind of dependency.
CRATE_ARROWS = {
    "coffre-core": set(),
    "coffre-policies": {"coffre-core"},
    "coffre-pages": set(),
    "coffre-store": {"coffre-core", "coffre-pages"},
    "coffre-backup": {"coffre-core"},
    "coffre-import": {"coffre-store", "coffre-policies", "coffre-core"},
    "coffre-server": {"coffre-import", "coffre-store", "coffre-policies", "coffre-core"},
    "coffre-cli": {
        "coffre-server",
        "coffre-backup",
        "coffre-import",
        "coffre-store",
        "coffre-policies",
        "coffre-core",
    },
    # A workspace of its own, never shipped: it calls whatever reads bytes from outside.
    "coffre-fuzz": {
        "coffre-server",
        "coffre-backup",
        "coffre-import",
        "coffre-store",
        "coffre-policies",
        "coffre-core",
    },
}

# Libraries with one home: the path prefixes that may name them. The first is where they live. The benchmarks name them
# for what they measure against: a bare handler, a bare database.
HOMES = {
    "rusqlite": ("vault/store/", "vault/pages/", "cli/benches/"),
    "axum": ("vault/server/src/http", "vault/server/tests/", "cli/benches/"),
    "anyhow": ("cli/",),
    "cedar_policy": ("policies/",),
}

# Outside tests, only these start processes: restic; the programs that read another source than the vault; coffre itself, for the demonstration; the command that an
# administrator configures to hand over the day's signed head, because how mail leaves a house is not ours to know.
PROCESS_RUNNERS = ("backup/src/restic/run", "backup/src/other_sources/run", "cli/src/demo/child", "cli/src/daily_head/run")

# Crates that take time and randomness as arguments; coffre-core does no input or output either.
CLOCKS_AND_DICE = r"SystemTime\s*::\s*now|Instant\s*::\s*now|now_utc|now_local|\bgetrandom\b|\bOsRng\b|\bthread_rng\b"
INPUT_AND_OUTPUT = r"\b(?:std|tokio)\s*::\s*(?:fs|net|env|process|thread)\b"
PURE = {
    "vault/core/src/": f"{CLOCKS_AND_DICE}|{INPUT_AND_OUTPUT}",
    "policies/src/": CLOCKS_AND_DICE,
}

# Inside the server a request goes http → usecases → authorization: what each folder must not name.
SERVER = "vault/server/src/"
SERVER_FORBIDDEN = {
    "http": {"authorization"},
    "usecases": {"http"},
    "authorization": {"http", "usecases"},
    "authentication": {"http", "usecases"},
}

NOT_SHIPPED = {"tests", "benches", "examples"}
NAMELESS = {"util", "utils", "helper", "helpers", "common", "misc"}
UNFINISHED = r"\b(?:todo|unimplemented)!|#\[ignore"
REASONS = "docs/DEPENDENCIES.md"
FAULTS = "docs/FAULTS.md"
# From here on it names programs, not crates.
PROGRAMS = "\n## From outside"
LONG, TOO_LONG = 400, 600
REASON = "//! Long because"


@dataclass(frozen=True)
class Finding:
    rule: str
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


class RustFile:
    """One source file: its path from the root of the project, its text, and its text without comments and literals."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8")
        self.code = code_only(self.text)
        self.shipped_code = without_test_modules(self.code)

    @property
    def is_test(self):
        parts = Path(self.path).parts
        return bool(NOT_SHIPPED & set(parts)) or parts[-1] == "tests.rs"

    def lines_with(self, pattern, code):
        for match in re.finditer(pattern, code):
            yield code.count("\n", 0, match.start()) + 1


def find_all(root):
    """Every finding in the project at `root`, and the files worth talking about because of their length."""
    files = [RustFile(root, path) for path in _paths(root, ".rs")]
    findings = [*crate_arrows(root), *reasons_for_dependencies(root), *named_tests(root, files)]
    for file in files:
        for rule in (homes, processes, purity, server_layers, module_docs, names, unfinished, length):
            findings += rule(file)
    long_files = [(f.text.count("\n"), f.path) for f in files if f.text.count("\n") > LONG]
    return findings, sorted(long_files, reverse=True)


def _paths(root, suffix):
    for folder, subfolders, names_here in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if s != "target" and not s.startswith("."))
        for name in sorted(names_here):
            if name.endswith(suffix):
                yield (Path(folder) / name).relative_to(root).as_posix()


def crate_arrows(root):
    for path in _paths(root, "Cargo.toml"):
        manifest = tomllib.loads((root / path).read_text(encoding="utf-8"))
        if "package" not in manifest:
            continue
        crate, folder = manifest["package"]["name"], path.removesuffix("Cargo.toml")
        if crate not in CRATE_ARROWS:
            yield Finding("arrows", path, 1, f"`{crate}` has no place among the crates: add it to CRATE_ARROWS")
            continue
        for table in ("dependencies", "dev-dependencies", "build-dependencies"):
            for dependency in manifest.get(table, {}):
                if dependency in CRATE_ARROWS and dependency not in CRATE_ARROWS[crate]:
                    yield Finding("arrows", path, 1, f"`{crate}` must not depend on `{dependency}`")
                prefixes = HOMES.get(dependency.replace("-", "_"))
                # What only tests or benchmarks name is a dependency of theirs alone.
                shipped = [p for p in prefixes or () if table == "dev-dependencies" or not NOT_SHIPPED & set(p.split("/"))]
                if prefixes and not any(prefix.startswith(folder) for prefix in shipped):
                    yield Finding("home", path, 1, f"`{dependency}` belongs to {prefixes[0]}")


def reasons_for_dependencies(root):
    """Each entry of the workspace has a line of its own in a table, each line an entry, and no crate goes round the workspace."""
    manifest = tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))
    ours = manifest["workspace"]["dependencies"]
    entries = {name for name, requirement in ours.items() if "path" not in requirement}
    lines = (root / REASONS).read_text(encoding="utf-8").split(PROGRAMS)[0].splitlines()
    reasons = {name for line in lines if line.startswith("| `") for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    for name in sorted(entries - reasons):
        yield Finding("reasons", REASONS, 1, f"say why `{name}` is here and not a rival")
    for name in sorted(reasons - entries):
        yield Finding("reasons", REASONS, 1, f"`{name}` is not here any more")
    for path in _paths(root, "Cargo.toml"):
        crate = tomllib.loads((root / path).read_text(encoding="utf-8"))
        if "workspace" in crate:
            continue
        for table in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, requirement in crate.get(table, {}).items():
                if not isinstance(requirement, dict) or not requirement.get("workspace"):
                    yield Finding("reasons", path, 1, f"`{name}` is no entry of the workspace: enter it, with its reason")


def named_tests(root, files):
    """Whatever is said to show how a fault is met is there: `target module::name_of_a_test_…`, or `module::` for all in it."""
    code = "\n".join(file.code for file in files)
    tests, modules = (set(re.findall(rf"\b{word} ([a-z][a-z0-9_]*)", code)) for word in ("fn", "mod"))
    for number, line in enumerate((root / FAULTS).read_text(encoding="utf-8").splitlines(), 1):
        for named in re.findall(r"`(?:[a-z-]+ )?((?:(?:…|[a-z0-9_]+)::)*(?:[a-z0-9]+_[a-z0-9_]*…?|…[a-z0-9_]+|))`", line):
            module, _, test = named.rpartition("::")
            pattern = re.compile(re.escape(test).replace("…", ".*"))
            found = any(map(pattern.fullmatch, tests)) if test else module.split("::")[-1] in modules
            if named and not found:
                yield Finding("tests", FAULTS, number, f"there is no test `{named}`")


def homes(file):
    for library, prefixes in HOMES.items():
        if not file.path.startswith(prefixes):
            for line in file.lines_with(rf"\b{library}\b", file.code):
                yield Finding("home", file.path, line, f"`{library}` belongs to {prefixes[0]}")


def processes(file):
    if file.is_test or file.path.startswith(PROCESS_RUNNERS):
        return
    for line in file.lines_with(r"\bprocess\s*::\s*(?:\{[^}]*)?\bCommand\b", file.shipped_code):
        yield Finding("process", file.path, line, f"only {', '.join(PROCESS_RUNNERS)} may start processes")


def purity(file):
    for folder, pattern in PURE.items():
        if file.path.startswith(folder) and not file.is_test:
            for line in file.lines_with(pattern, file.shipped_code):
                yield Finding("pure", file.path, line, f"{folder} is pure: pass time, randomness and bytes in")


def server_layers(file):
    if not file.path.startswith(SERVER):
        return
    layer = Path(file.path.removeprefix(SERVER)).parts[0].removesuffix(".rs")
    for forbidden in sorted(SERVER_FORBIDDEN.get(layer, ())):
        direct = rf"\b(?:crate|super)\s*::\s*(?:super\s*::\s*)*{forbidden}\b"
        grouped = rf"\bcrate\s*::\s*\{{(?:[^;]*[\s,{{])?{forbidden}\b[^;]*;"
        for line in file.lines_with(f"{direct}|{grouped}", file.code):
            yield Finding("layers", file.path, line, f"`{layer}` must not name `{forbidden}`")


def module_docs(file):
    if "src" in Path(file.path).parts and not file.text.startswith("//!"):
        yield Finding("docs", file.path, 1, "starts without `//!`: say what the module is for and what it is not for")


def names(file):
    path = Path(file.path)
    for name in (path.stem, path.parent.name if path.name == "mod.rs" else ""):
        if name in NAMELESS:
            yield Finding("names", file.path, 1, f"`{name}` says nothing: name the file after the thing in it")


def unfinished(file):
    for line in file.lines_with(UNFINISHED, file.code):
        yield Finding("unfinished", file.path, line, "finish it, or leave it out")


def length(file):
    lines = file.text.count("\n")
    head = file.text.split("\n", 10)[:10]
    if lines > TOO_LONG and not any(line.startswith(REASON) for line in head):
        yield Finding("length", file.path, 1, f"{lines} lines: split it by meaning, or open with `{REASON} …`")
