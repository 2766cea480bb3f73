//! Drills of a vault that is served, from real destinations: what passes, what fails and says why, and that nothing of
//! it is left behind, whichever way it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::server::Server;
use crate::site::{NONE, Site, files};
use crate::small_disk::on_a_small_disk;
use crate::sshd::Sshd;

/// A second destination beside `building-b`.
fn with_offsite(site: &Site) {
    fs::create_dir(site.path().join("offsite")).expect("a folder");
    configure(site, &format!("[[backup.destination]]\nname = \"offsite\"\npath = \"{}\"\n", path(site, "offsite")));
}

fn path(site: &Site, name: &str) -> String {
    site.path().join(name).display().to_string()
}

/// Adds to the configuration.
fn configure(site: &Site, section: &str) {
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, format!("{text}{section}")).expect("written");
}

fn backed_up(site: &Site) -> Server {
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server
}

fn scratch(site: &Site) -> PathBuf {
    site.path().join("vault/drill-scratch")
}

/// The drill fails with this code, in this phase, and leaves nothing; the cause.
fn fails(site: &Site, code: i32, phase: &str) -> String {
    let held = site.json(code, &["drill", "--json"]);
    assert_eq!(held["drill"]["failure"]["phase"], phase, "{held:#}");
    assert!(!scratch(site).exists(), "what was restored is removed");
    held["drill"]["failure"]["cause"].as_str().expect("a text").to_owned()
}

/// The object of a kind that came last.
fn object(site: &Site, destination: &str, of: &str) -> PathBuf {
    let below = files(&site.path().join(destination).join("main"));
    let written = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
    let of_kind = below.into_iter().filter(|path| path.display().to_string().contains(of));
    of_kind.max_by_key(written).expect("an object")
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mode = fs::metadata(file).expect("there").permissions();
    fs::remove_file(file).expect("ours");
    fs::write(file, bytes).expect("written");
    fs::set_permissions(file, mode).expect("ours");
}

#[test]
fn every_destination_is_proven_in_turn_and_the_proof_is_kept() {
    let site = Site::with_clients(40);
    with_offsite(&site);
    let server = backed_up(&site);
    let (code, told) = site.fails(&["drill", "status"]);
    assert_eq!((code, told.as_str()), (11, ""), "no drill has passed yet");

    let first = site.json(0, &["drill", "--json"]);
    let second = site.json(0, &["drill", "--json"]);
    let destinations = [&first, &second].map(|held| held["drill"]["destination"].as_str().expect("a name").to_owned());
    assert_eq!(destinations, ["building-b", "offsite"]);
    let opened = &second["drill"]["opened"];
    assert!(opened["values"].as_u64() >= Some(40) && opened["documents"].as_u64() > Some(0), "{second:#}");
    assert!(second["drill"]["fetched"]["bytes"].as_u64() > Some(100_000), "{second:#}");
    assert_ne!(first["drill"]["slice"], second["drill"]["slice"], "the next part is decrypted");
    assert!(first["note"].as_str().expect("a note").contains("\n\n— coffre/recette/"));
    assert!(!scratch(&site).exists());
    let told = site.succeeds(&["drill", "--from", "offsite"]);
    assert!(told.starts_with("passed  3  ") && told.contains("  offsite: in "), "{told}");
    assert_eq!(site.fails(&["drill", "--from", "elsewhere"]).0, 2);

    let token = site.json(0, &["application", "add", "officer", "--role", "dpo", "--json"]);
    let officer = server.caller(token["token"].as_str().expect("a token"));
    let from = first["drill"]["opened"]["entries"].as_u64().expect("a number");
    let entries = officer.get(&format!("/v1/audit/entries?from={from}"));
    assert_eq!(entries.text().matches("\"action\":\"drill\"").count(), 3, "{}", entries.text());
    let metrics = officer.get("/metrics");
    let metrics = metrics.text();
    for line in ["coffre_drill_passed 1", "coffre_drill_overdue 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in {metrics}");
    }
    server.stop();
    let server = site.serve();
    let history = site.json(0, &["drill", "status", "--json"]);
    assert_eq!(history["drills"].as_array().map(Vec::len), Some(3), "they outlive the process: {history:#}");
    server.stop();
}

#[test]
fn a_destination_that_is_damaged_emptied_or_of_another_vault_fails_the_drill() {
    let site = Site::with_clients(20);
    let server = backed_up(&site);
    let offsite = site.path().join("building-b");
    let kept = site.path().join("kept");
    fs::rename(&offsite, &kept).expect("renamed");
    assert!(fails(&site, 75, "plan").contains("building-b"), "it is lost");

    let other = Site::new();
    let (others, code) = (backed_up(&other), 1);
    let copied = std::process::Command::new("cp").arg("-a").arg(other.path().join("building-b")).arg(&offsite).status();
    assert!(copied.expect("cp runs").success());
    fails(&site, code, "plan");
    others.stop();

    fs::remove_dir_all(&offsite).expect("ours");
    fs::rename(&kept, &offsite).expect("renamed");
    for (of, phase) in [("/documents/", "fetch"), (".base", "fetch"), ("/pieces/", "fetch")] {
        let file = object(&site, "building-b", of);
        flip(&file);
        let cause = fails(&site, 12, phase);
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(cause.contains(&name) && cause.contains("SHA-256"), "{cause}");
        flip(&file);
    }
    let (code, told) = site.fails(&["drill", "status"]);
    assert_eq!((code, told.as_str()), (12, ""), "the last one failed");
    site.succeeds(&["drill"]);
    site.succeeds(&["drill", "status"]);
    let log = server.stop().log;
    assert!(log.contains("THE DRILL FAILED") && log.contains("the drill passed"), "{log}");
}

#[test]
fn the_repository_has_its_turn_where_that_is_configured() {
    let site = Site::with_clients(20);
    configure(&site, "[backup.drill]\nrepository = true\n");
    let server = backed_up(&site);
    let held = [site.json(0, &["drill", "--json"]), site.json(0, &["drill", "--json"])];
    let [folder, restic] = [&held[0]["drill"], &held[1]["drill"]];
    assert_eq!((&folder["destination"], &restic["destination"]), (&"building-b".into(), &"restic".into()));
    assert_eq!(restic["opened"]["root"], folder["opened"]["root"], "the same log: {restic:#}");
    assert!(restic["opened"]["documents"].as_u64() > Some(0), "{restic:#}");
    assert!(!scratch(&site).exists());
    fs::write(site.path().join("password"), "wrong").expect("written");
    let refused = site.json(15, &["drill", "--from", "restic", "--json"]);
    assert_eq!(refused["drill"]["failure"]["phase"], "plan", "{refused:#}");
    assert!(!scratch(&site).exists());
    server.stop();
}

#[test]
fn a_drill_of_the_repository_takes_the_keyring_of_a_destination_that_answers() {
    let site = Site::with_clients(20);
    with_offsite(&site);
    configure(&site, "[backup.drill]\nrepository = true\n");
    let server = backed_up(&site);
    fs::rename(site.path().join("building-b"), site.path().join("away")).expect("renamed");
    site.json(0, &["drill", "--from", "restic", "--json"]);
    fs::rename(site.path().join("offsite"), site.path().join("away-too")).expect("renamed");
    let lost = site.json(75, &["drill", "--from", "restic", "--json"]);
    assert!(lost["drill"]["failure"]["cause"].as_str().is_some_and(|cause| cause.contains("building-b")), "{lost:#}");
    server.stop();
}

/// A site whose only destination is this one.
fn with_destination(section: &str) -> Site {
    let site = Site::with_clients(20);
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let (before, _) = text.split_once("[[backup.destination]]").expect("a destination");
    fs::write(&file, format!("{before}[[backup.destination]]\nname = \"away\"\n{section}")).expect("written");
    site
}

/// Backs up and drills, then again with what was committed since.
fn drill_twice(site: &Site) {
    let server = site.serve();
    site.succeeds(&["backup", "run"]);
    let first = site.json(0, &["drill", "--json"]);
    site.succeeds(&["application", "add", "desk", "--role", "legal"]);
    site.succeeds(&["backup", "run"]);
    let second = site.json(0, &["drill", "--json"]);
    let entries = [&first, &second].map(|held| held["drill"]["opened"]["entries"].as_u64().expect("a number"));
    assert!(entries[1] > entries[0], "a segment came along: {entries:?}");
    assert_eq!(second["drill"]["destination"], "away");
    assert!(second["drill"]["opened"]["documents"].as_u64() > Some(0), "{second:#}");
    assert!(!scratch(site).exists());
    server.stop();
}

#[test]
fn a_drill_restores_from_a_real_sftp_server() {
    let sshd = Sshd::start();
    let to = sshd.settings();
    let site = with_destination(&format!(
        "[backup.destination.sftp]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nfolder = \"{}\"\nprivate_key = \"{}\"\nknown_hosts = \"{}\"\n",
        to.host,
        to.port,
        to.user,
        to.folder.display(),
        to.private_key.display(),
        to.known_hosts.display(),
    ));
    drill_twice(&site);
}

/// In a module whose name says what it needs: `scripts/test` leaves it out where no S3 server can be installed.
mod s3 {
    use super::{drill_twice, with_destination};
    use crate::bucket::Moto;

    #[test]
    fn a_drill_restores_from_a_bucket() {
        let moto = Moto::start();
        let to = moto.settings("drills");
        let site = with_destination(&format!(
            "[backup.destination.s3]\nendpoint = \"{}\"\nbucket = \"{}\"\nprefix = \"{}\"\ncredentials_file = \"{}\"\n",
            to.endpoint,
            to.bucket,
            to.prefix,
            to.credentials.display(),
        ));
        drill_twice(&site);
    }
}

#[test]
fn a_drill_that_is_killed_or_whose_destination_goes_away_leaves_nothing() {
    let site = Site::with_clients(150);
    let server = backed_up(&site);
    let (place, away) = (site.path().join("building-b"), site.path().join("away"));
    let restoring = || scratch(&site).join("vault").exists();
    // It takes some thousandths of a second: the destination may go before or after.
    let in_mid_drill = (0..300).any(|_| {
        let ended = AtomicBool::new(false);
        let (code, told, _) = std::thread::scope(|scope| {
            let drill = scope.spawn(|| {
                let told = site.run(&["drill", "--json"]);
                ended.store(true, Ordering::SeqCst);
                told
            });
            while !restoring() && !ended.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            fs::rename(&place, &away).expect("renamed");
            drill.join().expect("it ends")
        });
        fs::rename(&away, &place).expect("renamed");
        assert!(!scratch(&site).exists());
        assert!(matches!(code, Some(0 | 75)), "{told}");
        let told: Value = serde_json::from_str(&told).expect("one JSON object");
        code == Some(75) && told["drill"]["failure"]["phase"] == "fetch"
    });
    assert!(in_mid_drill, "the destination was never lost while it was fetched from");

    let mut server = Some(server);
    // A drill may be over before it is seen, or while the server is being killed.
    let killed_in_mid_drill = (0..100).any(|_| {
        let mut running = server.take().or_else(|| Some(site.serve()));
        let code = site.kill_when(&["drill"], || {
            if files(&scratch(&site)) != NONE {
                running.take().into_iter().for_each(Server::kill);
            }
            false
        });
        server = running;
        server.is_none() && code != Some(0) && files(&scratch(&site)) != NONE
    });
    assert!(killed_in_mid_drill, "the server was never killed so that what it restored is left");
    let server = site.serve();
    assert!(!scratch(&site).exists(), "and is swept when the vault is served again");
    site.succeeds(&["drill"]);
    site.succeeds(&["drill", "status"]);
    server.stop();
}

#[test]
fn scratch_space_that_cannot_be_used_fails_the_drill_and_keeps_no_vault_from_being_served() {
    let site = Site::with_clients(5);
    backed_up(&site).stop();
    // A file stands where the folder is to be.
    fs::write(scratch(&site), "").expect("written");
    let server = site.serve();
    let held = site.json(1, &["drill", "--json"]);
    let cause = held["drill"]["failure"]["cause"].as_str().expect("a text");
    assert!(cause.contains("the scratch space of drills"), "{cause}");
    fs::remove_file(scratch(&site)).expect("ours");
    site.succeeds(&["drill"]);
    server.stop();
}

#[test]
fn a_scratch_disk_without_room_fails_the_drill_and_nothing_else() {
    on_a_small_disk("drills::a_scratch_disk_without_room_fails_the_drill_and_nothing_else", 8_000, |disk| {
        let site = Site::with_clients(20);
        configure(&site, &format!("[backup.drill]\nscratch = \"{}\"\n", disk.path().display()));
        let server = backed_up(&site);
        disk.fill(20);
        let cause = fails(&site, 75, "fetch");
        assert!(cause.contains("has no room for a drill"), "{cause}");
        site.succeeds(&["application", "add", "desk", "--role", "legal"]);
        disk.free();
        site.succeeds(&["drill"]);
        assert_eq!(files(disk.path()), NONE);
        server.stop();
    });
}
