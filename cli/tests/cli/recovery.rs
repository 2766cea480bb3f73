//! The recovery identity split among holders: made, printed, proven, and opening a restore from files and from a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::pty::Terminal;
use crate::server::Server;
use crate::site::{Site, strs};
use crate::transcript;

const HOLDERS: [&str; 6] = ["--holder", "Legal", "--holder", "DPO", "--holder", "Finance"];

/// A site with a backup, and its recovery identity in three shares.
fn shared_site() -> Site {
    let site = Site::new();
    site.succeeds(&["application", "add", "crm", "--role", "sales", "--vault", "vault"]);
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init", "--base"]);
    server.stop();
    let told = site.succeeds(
        &[&["key", "shares", "2/3", "--identity", "vault.recovery-identity", "--shares-to", "shares"][..], &HOLDERS]
            .concat(),
    );
    assert!(told.contains("any 2 of 3 shares open the backups of this vault"), "{told}");
    site
}

/// The four lines of a share in a file.
fn lines(folder: &Path, file: &str) -> Vec<String> {
    let page = fs::read_to_string(folder.join(file)).expect("a page");
    let code = |line: &str| line.starts_with(['1', '2', '3', '4']).then(|| line[3..].to_owned());
    let lines: Vec<String> = page.lines().filter_map(code).collect();
    assert_eq!(lines.len(), 4, "{page}");
    lines
}

/// A restore that names nothing that opens it.
fn restore(site: &Site, to: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = site.restore("building-b", to, more);
    let at = arguments.iter().position(|argument| argument == "--identity").expect("it is named");
    arguments.drain(at..at + 2);
    arguments
}

/// The exit code and the line of the error: what was accepted before it is told too.
fn refused(site: &Site, arguments: &[&str]) -> (i32, String) {
    let (code, out, error) = site.run(arguments);
    assert_ne!(code, Some(0), "{arguments:?}: {out}");
    let line = error.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    (code.expect("it ended by itself"), line.to_owned())
}

#[test]
fn a_vault_can_begin_with_shares_and_its_identity_never_stands_on_a_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let init = ["init", "vault", "--environment", "recette", "--recovery-shares", "2/3", "--shares-to", "shares"];
    let made = transcript::of(folder.path(), &[&init[..], &HOLDERS, &["--language", "fr"]].concat());
    assert!(made.contains("any 2 of 3 shares open") && made.ends_with("exit 0\n"), "{made}");
    let mut names: Vec<_> =
        fs::read_dir(folder.path().join("shares")).expect("a folder").map(|entry| entry.expect("a file")).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    assert_eq!(
        names.iter().map(|entry| entry.file_name().into_string().expect("text")).collect::<Vec<_>>(),
        [
            "recovery-kit.html",
            "recovery-kit.txt",
            "share-1-of-3.html",
            "share-1-of-3.txt",
            "share-2-of-3.html",
            "share-2-of-3.txt",
            "share-3-of-3.html",
            "share-3-of-3.txt"
        ]
    );
    assert!(names.iter().all(|entry| entry.metadata().expect("there").permissions().mode() & 0o777 == 0o600));
    let top: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("there").file_name()).collect();
    assert_eq!(top.len(), 2, "the vault and the shares: {top:?}");
    let kit = fs::read_to_string(folder.path().join("shares/recovery-kit.txt")).expect("a kit");
    assert!(["Legal", "DPO", "Finance", "clé de vérification"].iter().all(|part| kit.contains(part)), "{kit}");
    for number in 1..=3 {
        for line in lines(folder.path(), &format!("shares/share-{number}-of-3.txt")) {
            assert!(
                !kit.contains(&line[..9]) && !made.contains(&line[..9]),
                "a kit is no secret, and a log holds none"
            );
        }
    }
    let examined = transcript::of(folder.path(), &["doctor", "--vault", "vault"]);
    assert!(examined.ends_with("exit 0\n"), "{examined}");
    // A quorum makes shares anew: for a holder who leaves.
    let again =
        ["key", "shares", "2/2", "--vault", "vault", "--shares-to", "new", "--share", "shares/share-3-of-3.txt"];
    let again = transcript::of(folder.path(), &[&again[..], &["--share", "shares/share-1-of-3.txt"]].concat());
    assert!(again.contains("Share 2 of 2 accepted, Legal's.") && again.ends_with("exit 0\n"), "{again}");
}

#[test]
fn what_cannot_be_shared_well_makes_no_vault() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let init = ["init", "vault", "--environment", "recette", "--recovery-shares"];
    fs::create_dir(folder.path().join("full")).expect("a folder");
    fs::write(folder.path().join("full/of-something"), "").expect("a file");
    for (arguments, cause) in [
        (&["1/3", "--shares-to", "shares"][..], "M at least 2 so that nobody opens alone"),
        (&["2/3"], "all shares would be written to one place"),
        (&["2/3", "--shares-to", "vault/shares"], "shares must not be kept in the vault"),
        (&["2/3", "--shares-to", "full"], "full is not empty"),
        (&["2/3", "--shares-to", "shares", "--holder", "Legal"], "1 of 3 holders are named"),
        (&["2/3", "--shares-to", "shares", "--recovery-recipient", "age1"], "cannot be used with"),
    ] {
        let refused = transcript::of(folder.path(), &[&init[..], arguments].concat());
        assert!(refused.contains(cause) && refused.ends_with("exit 2\n"), "{refused}");
    }
    // The folder of the shares cannot be made: there is no vault without them.
    let refused =
        transcript::of(folder.path(), &[&init[..], &["2/3", "--shares-to", "full/of-something/shares"]].concat());
    assert!(refused.contains("no vault was made"), "{refused}");
    assert!(!folder.path().join("vault").exists() && !folder.path().join("shares").exists());
    let alone = transcript::of(folder.path(), &["init", "vault", "--environment", "recette", "--holder", "Legal"]);
    assert!(alone.contains("--recovery-shares") && alone.ends_with("exit 2\n"), "{alone}");
}

#[test]
fn any_quorum_of_files_opens_a_restore_and_nothing_less_does() {
    let site = shared_site();
    let opens = |to: &str, shares: [&str; 2]| {
        let [a, b] = shares.map(|number| format!("shares/share-{number}-of-3.txt"));
        site.run(&strs(&restore(&site, to, &["--share", &a, "--share", &b])))
    };
    for (to, shares) in [("one", ["1", "2"]), ("two", ["3", "1"])] {
        let (code, out, error) = opens(to, shares);
        assert_eq!(code, Some(0), "{out}{error}");
        assert!(error.contains("Share 2 of 2 accepted"), "{error}");
        assert!(site.succeeds(&["application", "list", "--vault", to]).contains("crm"));
    }
    let fails = |more: &[&str]| refused(&site, &strs(&restore(&site, "three", more)));
    let first = "shares/share-1-of-3.txt";
    assert_eq!(fails(&["--share", first]), (2, "error: 1 of 2 shares were given".into()));
    let (code, twice) = fails(&["--share", first, "--share", first]);
    assert!(code == 2 && twice.contains("share 1 was given already"), "{twice}");
    let (code, nobody) = fails(&[]);
    assert!(code == 2 && nobody.contains("there is no terminal to type shares at"), "{nobody}");
    // A plan opens nothing.
    site.succeeds(&strs(&restore(&site, "three", &["--plan"])));

    let page = fs::read_to_string(site.path().join(first)).expect("a page");
    let line = lines(site.path(), first)[2].clone();
    let other = line.replace(&line[..4], if line.starts_with("0000") { "1111" } else { "0000" });
    let rewrite = |name: &str, text: &str, mode: u32| {
        fs::write(site.path().join(name), text).expect("written");
        fs::set_permissions(site.path().join(name), fs::Permissions::from_mode(mode)).expect("ours");
    };
    rewrite("mistyped.txt", &page.replace(&line, &other), 0o600);
    let (code, mistyped) = fails(&["--share", "mistyped.txt"]);
    assert!(code == 2 && mistyped.contains("line 3 is mistyped"), "{mistyped}");
    assert!(!mistyped.contains(&other[5..]), "what was typed is not repeated: {mistyped}");
    rewrite("open.txt", &page, 0o644);
    let (code, open) = fails(&["--share", "open.txt"]);
    assert!(code == 2 && open.contains("can be read by others"), "{open}");
    assert!(!site.path().join("three/keys.json").exists(), "nothing was opened");
}

#[test]
fn a_place_that_is_named_wrongly_is_told_before_anybody_types_a_share() {
    let site = Site::new();
    let (code, error) = refused(&site, &["restore", "--from", "nowhere", "--to", "restored"]);
    assert!(code == 75 && error.contains("nowhere is not there"), "{code}: {error}");
    // A disk that comes from another host, whose accounts had other numbers. Nothing is closed to root.
    let disk = site.path().join("disk");
    fs::create_dir_all(disk.join("main")).expect("a folder");
    fs::set_permissions(&disk, fs::Permissions::from_mode(0o000)).expect("ours");
    if !rustix::process::geteuid().is_root() {
        let (code, error) = refused(&site, &["restore", "--from", "disk", "--to", "restored"]);
        assert!(code == 2 && error.contains("this account may not look into disk"), "{code}: {error}");
    }
    fs::set_permissions(&disk, fs::Permissions::from_mode(0o700)).expect("ours");
}

#[test]
fn shares_of_another_vault_or_splitting_are_refused() {
    let site = shared_site();
    let stranger = tempfile::tempdir().expect("a temporary folder");
    let init = ["init", "vault", "--environment", "recette", "--recovery-shares", "2/3", "--shares-to", "shares"];
    transcript::run(stranger.path(), &[], &init);
    let of_stranger = stranger.path().join("shares/share-1-of-3.txt");
    let of_stranger = of_stranger.to_str().expect("text");
    let (code, other) = refused(&site, &strs(&restore(&site, "to", &["--share", of_stranger])));
    assert!(code == 15 && other.contains("of another vault or environment"), "{other}");

    site.succeeds(&["key", "shares", "2/3", "--identity", "vault.recovery-identity", "--shares-to", "later"]);
    let mixed = ["--share", "shares/share-1-of-3.txt", "--share", "later/share-2-of-3.txt"];
    let (code, mixed) = refused(&site, &strs(&restore(&site, "to", &mixed)));
    assert!(code == 15 && mixed.contains("of another splitting"), "{mixed}");

    // The identity of another vault is not split for this one.
    let wrong = ["key", "shares", "2/3", "--shares-to", "wrong", "--share", of_stranger, "--vault", "vault"];
    let (code, wrong) = refused(&site, &wrong);
    assert!(code == 15 && wrong.contains("another vault"), "{wrong}");
    assert!(!site.path().join("wrong").exists());
}

#[test]
fn a_quorum_typed_at_a_terminal_opens_a_restore_and_nothing_of_it_is_shown() {
    let mut shown = Vec::new();
    // Four characters of a share may stand in what is shown by chance, but hardly in three restores one after the other.
    for _ in 0..3 {
        shown = groups_shown_of_a_typed_quorum();
        if shown.is_empty() {
            return;
        }
    }
    panic!("{shown:?} are shown");
}

fn groups_shown_of_a_typed_quorum() -> Vec<String> {
    let site = shared_site();
    let shares = [1, 3].map(|number| lines(site.path(), &format!("shares/share-{number}-of-3.txt")));
    let arguments = restore(&site, "restored", &[]);
    let mut terminal = Terminal::start(site.path(), &[], &strs(&arguments));
    let mut shown = String::new();
    let mut accepted = ["Share 1 of 2 accepted, Legal's.", "Share 2 of 2 accepted."].iter();
    for (share, holder) in shares.iter().zip(["Legalx\u{7f}", ""]) {
        shown += &terminal.until("(Enter: not said)? ");
        terminal.types(holder);
        for (line, number) in share.iter().zip(1..) {
            shown += &terminal.until(&format!("line {number}: "));
            if number == 2 {
                // A mistake, and its remedy.
                terminal.types(&line.chars().rev().collect::<String>());
                shown += &terminal.until("line 2 is mistyped: type it again");
                shown += &terminal.until("line 2: ");
            }
            assert!(!terminal.echoes());
            terminal.types(&line.to_lowercase());
            shown += &terminal.until("✓");
        }
        shown += &terminal.until(accepted.next().expect("two"));
    }
    let (code, rest, echoes) = terminal.ends();
    shown += &rest;
    assert_eq!(code, Some(0), "{shown}");
    assert!(echoes, "the terminal is as it was");
    assert!(site.succeeds(&["application", "list", "--vault", "restored"]).contains("crm"));
    let (shown, groups) = (shown.to_uppercase(), shares.iter().flatten().flat_map(|line| line.split(' ')));
    groups.filter(|group| shown.contains(*group)).map(str::to_owned).collect()
}

#[test]
fn whoever_gives_up_at_the_terminal_gets_it_back() {
    let site = shared_site();
    let arguments = restore(&site, "restored", &[]);
    let mut terminal = Terminal::start(site.path(), &[("LANG", "fr_FR.UTF-8")], &strs(&arguments));
    terminal.until("Qui détient la part suivante");
    terminal.types("Juridique");
    terminal.until("ligne 1 : ");
    terminal.presses(0x03);
    let (code, shown, echoes) = terminal.ends();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("nothing was opened") && echoes, "{shown}");
    assert!(!site.path().join("restored/keys.json").exists());
}

#[test]
fn the_kit_is_printed_anew_without_a_key() {
    let site = shared_site();
    fs::remove_file(site.path().join("vault.recovery-identity")).expect("it was there");
    let kit = site.succeeds(
        &[&["key", "kit", "2/3", "--keeper", "building-b=Claire", "--language", "en"][..], &HOLDERS].concat(),
    );
    assert!(
        ["building-b", "Claire", "Finance", "restore --from building-b"].iter().all(|part| kit.contains(part)),
        "{kit}"
    );
    assert!(!kit.contains("correct horse"), "{kit}");
    site.succeeds(&["key", "kit", "2/3", "--shares-to", "kit"]);
    assert!(site.path().join("kit/recovery-kit.html").exists());
    let again = refused(&site, &["key", "kit", "2/3", "--shares-to", "kit"]);
    assert!(again.0 == 2 && again.1.contains("recovery-kit.txt cannot be written"), "{again:?}");
    follow(&site, &kit);
}

/// Does what a kit says, to the letter, on a machine that has nothing but its paper, the shares and the destination.
fn follow(site: &Site, kit: &str) {
    let typed: Vec<&str> =
        kit.lines().filter_map(|line| line.strip_prefix("      ").or(line.is_empty().then_some(""))).collect();
    let (commands, file): (Vec<&str>, Vec<&str>) = typed.into_iter().partition(|line| line.starts_with("coffre "));
    let machine = site.path().join("new-machine");
    fs::create_dir(&machine).expect("a folder");
    fs::write(machine.join("coffre.toml"), file.join("\n")).expect("written");
    let (mut done, mut server) = (0, None);
    for command in commands.iter().filter(|command| !command.contains("--keyring")) {
        let filled_in = command.replace("M/N", "2/2").replace("DIR", "new-shares");
        let mut words: Vec<&str> = filled_in.split(' ').skip(1).collect();
        done += 1;
        if words.contains(&"serve") {
            words.extend(["--listen", "127.0.0.1:0"]);
            server = Some(Server::start_as(&machine, &words, &[]));
            continue;
        }
        // What the holders type.
        if words.contains(&"rotate") || words.contains(&"restore") && !words.contains(&"--plan") {
            words.extend(["--share", "../shares/share-1-of-3.txt", "--share", "../shares/share-2-of-3.txt"]);
        }
        let output = transcript::run(&machine, &[], &words);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{command}: {error}");
    }
    assert_eq!(done, 9, "{commands:?}");
    let ended = server.expect("the kit serves it").stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(machine.join("restored/keys.json").exists() && machine.join("new-shares/share-2-of-2.txt").exists());
}

#[test]
fn another_recovery_identity_opens_what_is_backed_up_from_then_on() {
    let site = shared_site();
    let server = site.serve();
    let rotate = ["key", "rotate", "--vault", "vault", "--recovery-shares", "2/2", "--shares-to", "new"];
    let quorum = ["--share", "shares/share-2-of-3.txt", "--share", "shares/share-3-of-3.txt"];
    // Neither silently, nor by somebody else's identity, nor by one share.
    let (code, nobody) = refused(&site, &rotate);
    assert!(code == 2 && nobody.contains("there is no terminal"), "{nobody}");
    let (code, alone) = refused(&site, &[&rotate[..], &quorum[..2]].concat());
    assert!(code == 2 && alone.contains("1 of 2 shares were given"), "{alone}");
    let (code, idle) = refused(&site, &[&["key", "rotate", "--vault", "vault"][..], &quorum].concat());
    assert!(code == 2 && idle.contains("stays what it is"), "{idle}");
    assert!(!site.path().join("new").exists());

    let told = site.succeeds(&[&rotate[..], &quorum].concat());
    assert!(told.contains("any 2 of 2 shares open") && told.contains("the recovery recipient is now age1"), "{told}");
    // The base there is of before: the former identity opens it, and the new one does not.
    let by_former = restore(&site, "by-former", &quorum);
    let (code, out, error) = site.run(&strs(&by_former));
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(site.succeeds(&["application", "list", "--vault", "by-former"]).contains("crm"));
    let by_new = ["--share", "new/share-1-of-2.txt", "--share", "new/share-2-of-2.txt"];
    let (code, early) = refused(&site, &strs(&restore(&site, "too-early", &by_new)));
    assert!(code == 15 && early.contains("does not open"), "{early}");

    site.succeeds(&["backup", "run", "--base"]);
    let (code, late) = refused(&site, &strs(&restore(&site, "too-late", &quorum)));
    assert!(code == 15 && late.contains("does not open"), "{late}");
    let (code, out, error) = site.run(&strs(&restore(&site, "by-new", &by_new)));
    assert!(code == Some(0) && !error.contains("was replaced"), "{out}{error}");
    server.stop();

    // The log tells both: that the former was there, and a loss.
    let lost = ["key", "rotate", "--vault", "vault", "--former-lost", "--recovery-recipient"];
    let (code, nobody) = refused(&site, &[&lost[..], &["age1nobody"]].concat());
    assert!(nobody.contains("not an age recipient"), "{code} {nobody}");
    let identity = fs::read_to_string(site.path().join("vault.recovery-identity")).expect("it is there");
    let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its recipient");
    site.succeeds(&[&lost[..], &[recipient]].concat());
    site.succeeds(&["audit", "export", "--vault", "vault", "--to", "log"]);
    let told = all_text(&site.path().join("log"));
    assert!(told.contains("former-recovery-identity-opened") && told.contains("former-recovery-identity-lost"));
    assert!(told.contains(recipient));
}

fn all_text(folder: &Path) -> String {
    let files = crate::site::files(folder);
    files.iter().map(|file| String::from_utf8_lossy(&fs::read(file).expect("a file")).into_owned()).collect()
}

#[test]
fn new_shares_are_kept_unless_it_is_sure_that_they_open_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let init = ["init", "vault", "--environment", "recette", "--recovery-shares", "2/3", "--shares-to", "shares"];
    transcript::run(folder.path(), &[], &init);
    let server = crate::server::Server::start(folder.path());
    let rotate = |to: &str| {
        let rotate = ["key", "rotate", "--vault", "vault", "--recovery-shares", "2/2", "--shares-to", to];
        let quorum = ["--share", "shares/share-1-of-3.txt", "--share", "shares/share-2-of-3.txt"];
        transcript::of(folder.path(), &[&rotate[..], &quorum].concat())
    };
    let shares = |name: &str| fs::read_dir(folder.path().join(name)).expect("a folder").count();
    // The first file of a rotation cannot be written: nothing has begun.
    fs::create_dir(folder.path().join("vault/root.server.next.age")).expect("a folder");
    let refused = rotate("first");
    assert!(refused.contains("was not replaced") && refused.contains("open nothing and are removed"), "{refused}");
    assert_eq!(shares("first"), 0);
    // The second cannot: from outside it looks half done.
    fs::remove_dir(folder.path().join("vault/root.server.next.age")).expect("it is there");
    fs::create_dir(folder.path().join("vault/root.recovery.next.age")).expect("a folder");
    let refused = rotate("second");
    assert!(refused.contains("was not replaced") && refused.contains("may be in force all the same"), "{refused}");
    assert_eq!(shares("second"), 6);
    fs::remove_dir(folder.path().join("vault/root.recovery.next.age")).expect("it is there");
    let done = rotate("third");
    assert!(done.ends_with("exit 0\n"), "{done}");
    server.stop();
}
