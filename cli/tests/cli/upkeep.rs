//! The repository is looked after, and other systems are protected, from the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::site::Site;

/// A site with a second repository, and retention that keeps a single snapshot.
fn site() -> Site {
    let site = Site::new();
    let file = site.path().join("coffre.toml");
    let more = "[backup.restic.keep]\nlast = 1\n[backup.restic.check]\ndays = 2\nparts = 2\n\
                [[backup.restic.copy]]\nname = \"second\"\nrepository = \"second\"\n";
    fs::write(&file, fs::read_to_string(&file).expect("readable") + more).expect("written");
    site
}

/// The last line that a verb prints.
fn last_line(out: &str) -> serde_json::Value {
    serde_json::from_str(out.lines().last().expect("a line")).expect("one JSON object on one line")
}

#[test]
fn a_repository_is_reduced_copied_and_read_and_what_is_late_is_told() {
    let site = site();
    let server = site.serve();
    for _ in 0..2 {
        site.succeeds(&["backup", "run", "--init", "--base"]);
    }
    server.stop();
    // The second one is not there yet: it cannot be looked at, and everything is late.
    let stands = site.json(75, &["backup", "repositories", "--json"]);
    assert_eq!(stands["repositories"][0]["work"][0]["late"], true, "{stands:#}");
    assert_eq!(stands["repositories"][1]["overdue"], 2, "{stands:#}");

    let planned = last_line(&site.succeeds(&["backup", "forget", "--dry-run"]));
    assert_eq!(planned["removed"].as_array().map(Vec::len), Some(1), "{planned:#}");
    let done = site.json(0, &["backup", "forget", "--json"]);
    assert_eq!((&done["kept"], &done["exit_code"]), (&1.into(), &0.into()), "{done:#}");
    site.succeeds(&["backup", "prune"]);
    assert_eq!(site.json(0, &["backup", "check", "--json"])["overdue"], 1);
    assert_eq!(site.json(0, &["backup", "check", "--json"])["overdue"], 0);
    assert_eq!(site.json(0, &["backup", "copy", "--init", "--json"])["copied"], 1);
    for verb in [["forget", "second"], ["prune", "second"]] {
        site.succeeds(&["backup", verb[0], verb[1]]);
    }
    site.succeeds(&["backup", "check", "second", "--all"]);
    let stands = last_line(&site.succeeds(&["backup", "repositories"]));
    assert_eq!(stands["repositories"][1]["locks"], serde_json::json!([]), "{stands:#}");
    // What was forgotten and pruned still restores.
    site.json(0, &["backup", "verify", "restic", "--json"]);

    let (code, out, error) = site.run(&["backup", "unlock", "00000000"]);
    assert_eq!(code, Some(2), "{error}");
    assert_eq!(last_line(&out)["exit_code"], 2, "a failure has its line too");
    let (code, first) = site.fails(&["backup", "forget", "third"]);
    assert_eq!((code, first.as_str()), (2, "error: there is no repository \"third\""));
}

#[test]
fn all_second_repositories_are_copied_to_and_one_that_is_away_keeps_nobody_from_the_others() {
    let site = site();
    let file = site.path().join("coffre.toml");
    let more = "[[backup.restic.copy]]\nname = \"third\"\nrepository = \"third\"\n";
    fs::write(&file, fs::read_to_string(&file).expect("readable") + more).expect("written");
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init", "--base"]);
    server.stop();
    site.succeeds(&["backup", "copy", "third", "--init"]);
    // The second one is not there yet.
    let (code, out, error) = site.run(&["backup", "copy"]);
    let told = last_line(&out);
    assert_ne!(code, Some(0), "{out}{error}");
    assert_eq!(told["repositories"][0]["done"], false, "{told:#}");
    assert_eq!((&told["repositories"][1]["name"], &told["repositories"][1]["done"]), (&"third".into(), &true.into()));
    let problems = site.json(0, &["backup", "report", "--json"])["problems"].to_string();
    assert!(problems.contains("{\"repository\":\"second\"}") && !problems.contains("third"), "{problems}");
    assert!(problems.contains("{\"job-failed\":\"copy\"}"), "{problems}");
    assert_eq!(site.json(0, &["backup", "copy", "--init", "--json"])["copied"], 1);
    let problems = site.json(0, &["backup", "report", "--json"])["problems"].to_string();
    assert!(!problems.contains("{\"repository\"") && !problems.contains("{\"job-failed\":\"copy\"}"), "{problems}");
}

#[test]
fn a_host_without_a_vault_protects_its_sources_and_the_recovery_identity_opens_them() {
    let site = Site::new();
    let identity = site.path().join("vault.recovery-identity");
    let recipient = fs::read_to_string(&identity).expect("init made it");
    let recipient = recipient.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its recipient");
    let host = site.path().join("host");
    fs::create_dir_all(host.join("state")).expect("a folder");
    fs::copy(site.path().join("password"), host.join("password")).expect("copied");
    fs::create_dir(host.join("share")).expect("a folder");
    fs::write(host.join("share/request.txt"), "une demande").expect("written");
    let configuration = |objective: &str| {
        format!(
            "environment = \"recette\"\n[backup]\nstate = \"state\"\nrecovery_recipient = \"{recipient}\"\n\
             [backup.restic]\nrepository = \"repository\"\npassword_file = \"password\"\n\
             [[backup.source]]\nname = \"share\"\ndirectory = \"share\"\n{objective}\
             [[backup.source]]\nname = \"sales\"\ncommand = [\"sh\", \"-c\", \"test -e fail && exit 4; echo rows\"]\n"
        )
    };
    let file = host.join("coffre.toml");
    fs::write(&file, configuration("")).expect("written");
    let file = file.to_str().expect("text");
    let with = |arguments: &[&str]| {
        let mut all = vec!["--config", file];
        all.extend(arguments);
        site.run(&all)
    };

    let (code, out, _) = with(&["backup", "sources"]);
    assert_eq!(code, Some(11), "{out}");
    let (code, out, error) = with(&["backup", "source", "run", "--all", "--init"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert_eq!(last_line(&out)["sources"].as_array().map(Vec::len), Some(2));
    assert_eq!(with(&["backup", "sources"]).0, Some(0));
    assert_eq!(with(&["backup", "forget"]).0, Some(0), "retention is for sources too");

    fs::write(site.path().join("fail"), "").expect("written");
    let (code, out, _) = with(&["backup", "source", "run", "sales", "share"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("FAILED  sales: sh ended with exit code 4") && out.contains("ok      share: "), "{out}");
    let (_, out, _) = with(&["backup", "sources"]);
    assert!(out.contains("failed 1 times since"), "{out}");

    let to = site.path().join("restored");
    let restore = ["backup", "source", "restore", "share", "--to", to.to_str().expect("text")];
    assert_eq!(with(&restore).0, Some(2), "it is encrypted");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).expect("ours");
    let with_identity = [&restore[..], &["--identity", identity.to_str().expect("text")]].concat();
    let (code, out, error) = with(&with_identity);
    assert_eq!(code, Some(0), "{out}{error}");
    assert_eq!(fs::read_to_string(to.join("request.txt")).expect("restored"), "une demande");
    // A vault's verbs are not for such a host.
    let (code, _, error) = with(&["backup", "run"]);
    assert_eq!(code, Some(2), "{error}");
}
