//! A sealed server has no key in its memory: looked for in the memory itself.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use coffre_core::crypto::hex;
use coffre_core::keyset::{KeysFile, Keyset, RootKey};

use crate::server::{Server, until};
use crate::site::Site;
use crate::transcript;

/// The keys of a vault, each as its bytes and as digits.
fn keys(vault: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let file = KeysFile::from_bytes(&fs::read(vault.join("keys.json")).expect("keys")).expect("a key file");
    let text = fs::read_to_string(vault.join("server.identity")).expect("an identity");
    let identity: age::x25519::Identity =
        text.lines().find_map(|line| line.parse().ok()).expect("an identity in its file");
    let root = age::decrypt(&identity, &fs::read(vault.join("root.server.age")).expect("a root")).expect("it opens");
    let root = RootKey::from_bytes(&root, &file.scope()).expect("this vault's");
    let set = Keyset::unwrap(&file, &root).expect("it opens");
    let all = [
        ("root", root.key),
        ("vault.db", set.databases.vault),
        ("audit.db", set.databases.audit),
        ("keyring.db", set.databases.keyring),
        ("index.db", set.databases.index),
        ("keyring", set.keyring),
        ("index", set.index),
        ("signing seed", set.signing_seed),
    ];
    let forms = |(name, key): (&'static str, coffre_core::crypto::SecretKey)| {
        [(name, key.expose().to_vec()), (name, hex(key.expose()).into_bytes())]
    };
    all.into_iter().flat_map(forms).collect()
}

/// Which of the keys are in the writable memory of a process.
fn found(process: u32, keys: &[(&'static str, Vec<u8>)]) -> Vec<String> {
    let patterns = AhoCorasick::new(keys.iter().map(|(_, key)| key)).expect("patterns");
    let memory = File::open(format!("/proc/{process}/mem")).expect("the memory of one's own child");
    let maps = BufReader::new(File::open(format!("/proc/{process}/maps")).expect("its map"));
    let mut found = Vec::new();
    for line in maps.lines().map(|line| line.expect("text")) {
        let mut parts = line.split_whitespace();
        let (range, rights) = (parts.next().expect("a range"), parts.next().expect("rights"));
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').expect("two ends");
        let at = |digits| u64::from_str_radix(digits, 16).expect("digits");
        let mut bytes = vec![0; usize::try_from(at(to) - at(from)).expect("it fits")];
        // A range may have gone since it was listed; one is not always read at once.
        let mut read = 0;
        while let Ok(more @ 1..) = memory.read_at(&mut bytes[read..], at(from) + read as u64) {
            read += more;
        }
        for hit in patterns.find_overlapping_iter(&bytes[..read]) {
            let (name, key) = &keys[hit.pattern().as_usize()];
            let form = if key.len() == 32 { "bytes" } else { "digits" };
            let place = line.split_whitespace().nth(5).unwrap_or("anonymous");
            found.push(format!("{name} as {form} in {place} at {:x}", at(from) + hit.start() as u64));
        }
    }
    found
}

/// Waits until none of the keys is in the memory of a server.
fn until_wiped(server: &Server, keys: &[(&'static str, Vec<u8>)]) {
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut left = found(server.process(), keys);
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        left = found(server.process(), keys);
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn neither_capture_nor_the_daily_head_keeps_a_key_and_backups_say_that_it_is_sealed() {
    let site = Site::new();
    let config = site.path().join("coffre.toml");
    let configured = fs::read_to_string(&config).expect("it is there");
    let head = site.path().join("head").display().to_string();
    fs::write(&config, format!("{configured}[audit.daily_head]\nfile = \"{head}\"\n")).expect("it is ours");
    let keys = keys(&site.path().join("vault"));
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    until("the head is handed over", || site.path().join("head").exists());
    let before = found(server.process(), &keys);
    assert!(before.iter().any(|hit| hit.starts_with("signing seed")), "{before:?}");
    let sealed = transcript::of(site.path(), &["seal", "--vault", "vault"]);
    assert!(sealed.contains("sealed: ") && sealed.ends_with("exit 0\n"), "{sealed}");
    until_wiped(&server, &keys);

    // What was captured is shipped on; that nothing new comes is said, and the scheduler told.
    let (code, out, _) = site.run(&["backup", "run"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with("NO BASE TAKEN: the vault is sealed: its keys are no longer in memory"), "{out}");
    assert!(out.contains("ok      building-b"), "{out}");
    let (code, told) = site.fails(&["backup", "copies"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("the vault is sealed"), "{told}");
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    server.stop();
    // It goes on where it was.
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    site.succeeds(&["backup", "verify", "spool", "building-b"]);
    server.stop();
}

#[test]
fn sealing_wipes_every_key_from_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let keys = keys(&folder.path().join("vault"));
    let server = Server::start(folder.path());
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process())).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("one of them");
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "no key goes to a file: {core}");
    let before = found(server.process(), &keys);
    for (name, _) in &keys {
        // The root is needed for a moment only.
        assert!(
            *name == "root" || before.iter().any(|hit| hit.starts_with(name)),
            "{name} is not even open: {before:?}"
        );
    }
    let sealed = transcript::of(folder.path(), &["seal", "--vault", "vault"]);
    assert!(sealed.contains("sealed: ") && sealed.ends_with("exit 0\n"), "{sealed}");
    until_wiped(&server, &keys);

    assert_eq!(server.get("/readyz", "nonsense"), 503);
    let again = transcript::of(folder.path(), &["application", "list", "--vault", "vault"]);
    assert!(again.contains("the vault is sealed") && again.ends_with("exit 1\n"), "{again}");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains("sealed: the keys are wiped"), "{}", ended.log);
    let nothing = transcript::of(folder.path(), &["seal", "--vault", "vault"]);
    assert!(nothing.contains("nothing to seal") && nothing.ends_with("exit 0\n"), "{nothing}");
    // A process that has it open and answers nobody: its keys are in memory all the same.
    let owner = File::open(folder.path().join("vault/lock")).expect("the owner's lock");
    rustix::fs::flock(&owner, rustix::fs::FlockOperation::LockExclusive).expect("it is free");
    let open = transcript::of(folder.path(), &["seal", "--vault", "vault"]);
    assert!(open.contains("open in another process") && open.ends_with("exit 13\n"), "{open}");
    drop(owner);
    // Starting it again opens it.
    let server = Server::start(folder.path());
    assert_eq!(server.get("/readyz", "nonsense"), 200);
    server.stop();
}
