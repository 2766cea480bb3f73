//! The texts that an administrator meets when the configuration is wrong.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::role::Role;

use super::*;

pub(super) const PINNED: &str = r#"environment = "production"
vault_id = "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11"
verification_key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"#;

const OPERATORS: &str =
    "[operators]\nissuer = \"https://login.example\"\naudience = \"coffre\"\njwks = \"jwks.json\"\n";

/// Of no witness: the private half is 32 times `0x05`.
const WITNESS: &str = "witness.example/w1+567cde09+BG56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx";

fn parse(rest: &str) -> Result<Configuration, ConfigurationError> {
    Configuration::parse(&format!("{PINNED}{rest}"), Path::new("coffre.toml"))
}

fn refusal(rest: &str) -> String {
    parse(rest).unwrap_err().to_string()
}

#[test]
fn the_pinned_identity_is_enough() {
    let configuration = parse("").unwrap();
    assert_eq!(configuration.environment.as_str(), "production");
    assert_eq!(configuration.server, Server::default());
    assert_eq!(configuration.backup, None);
}

#[test]
fn every_field_is_read_and_relative_paths_start_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coffre.toml");
    let text = format!(
        r#"{PINNED}
vault = "vault"
policies = "/usr/share/coffre/policies"
[server]
listen = "127.0.0.1:8000"
identity = "../server.identity"
control_socket = "run/control.sock"
backup_socket = "/run/coffre/backup.sock"
[server.tls]
certificate = "tls/certificate.pem"
key = "/etc/coffre/key.pem"
client_ca = "tls/ca.pem"
client_crl = "tls/ca.crl"
client_certificates = "required"
[operators]
issuer = "https://login.example"
audience = "coffre"
jwks = "jwks.json"
require_verified = ["legal", "dpo"]
[limits]
operator_per_minute = 60
[backup]
spool = "spool"
objective_hours = 2
[[backup.destination]]
name = "building-b"
path = "/mnt/b"
[backup.restic]
repository = "sftp:backup@host:/srv/coffre"
password_file = "restic-password"
binary = "restic"
"#
    );
    fs::write(&file, text).unwrap();
    let configuration = Configuration::load(&file).unwrap();
    let backup = configuration.backup.unwrap();
    let restic = backup.restic.clone().unwrap();
    assert_eq!(configuration.vault.unwrap(), folder.path().join("vault"));
    assert_eq!(configuration.policies.unwrap(), Path::new("/usr/share/coffre/policies"));
    assert_eq!(configuration.server.identity.unwrap(), folder.path().join("../server.identity"));
    assert_eq!(configuration.server.control_socket.unwrap(), folder.path().join("run/control.sock"));
    assert_eq!(configuration.server.backup_socket.unwrap(), Path::new("/run/coffre/backup.sock"));
    let tls = configuration.server.tls.unwrap();
    assert_eq!(tls.client_ca.unwrap(), folder.path().join("tls/ca.pem"));
    assert_eq!(tls.client_crl.unwrap(), folder.path().join("tls/ca.crl"));
    assert_eq!(tls.client_certificates, Some(ClientCertificates::Required));
    let operators = configuration.operators.unwrap();
    assert_eq!(operators.jwks, folder.path().join("jwks.json"));
    assert_eq!((operators.claim.as_str(), operators.clock_skew_seconds), ("sub", 60));
    assert_eq!(operators.require_verified, [Role::Legal, Role::Dpo]);
    assert_eq!(backup.spool().unwrap(), folder.path().join("spool"));
    assert_eq!(backup.keyring_days.get(), 35);
    assert_eq!((backup.objective_hours, backup.keep.get()), (2, 3));
    assert_eq!(restic.password_file.unwrap(), folder.path().join("restic-password"));
    assert_eq!(restic.binary.unwrap(), Path::new("restic"), "a bare name is looked up in PATH");
    assert_eq!(restic.repository, "sftp:backup@host:/srv/coffre");
}

#[test]
fn a_mistake_is_told_with_file_and_line() {
    insta::assert_snapshot!(
        [
            refusal("objectiv_hours = 3\n"),
            refusal("environment = \"recette\"\n"),
            refusal("vault =\n"),
            refusal("[server]\nlisten = \"localhost\"\n"),
            refusal("[backup]\nspool = 3\n"),
            refusal("[operators]\nissuer = \"https://login.example\"\naudience = \"coffre\"\n"),
            refusal(&format!("{OPERATORS}require_verified = [\"boss\"]\n")),
            Configuration::parse("environment = \"Recette 2\"\n", Path::new("coffre.toml")).unwrap_err().to_string(),
            Configuration::parse("environment = \"a\"\n", Path::new("coffre.toml")).unwrap_err().to_string(),
        ]
        .join("\n")
    );
}

#[test]
fn a_contradiction_is_told_with_its_remedy() {
    let backup = "[backup]\nspool = \"/spool\"\n";
    let destination =
        |name: &str, path: &str| format!("[[backup.destination]]\nname = \"{name}\"\npath = \"{path}\"\n");
    insta::assert_snapshot!(
        [
            refusal(&format!("{backup}objective_hours = 0\n")),
            refusal(&format!("{backup}{}", destination("spool", "/a"))),
            refusal(&format!("{backup}{}{}", destination("a", "/a"), destination("a", "/b"))),
            refusal(&format!("{backup}{}", destination("a", "/spool/a"))),
            refusal(&format!("{backup}[backup.restic]\nrepository = \"/r\"\n")),
            refusal("[server.tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_crl = \"l\"\n"),
            refusal("[server.tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_certificates = \"required\"\n"),
            refusal(&format!("{OPERATORS}clock_skew_seconds = 301\n")),
            refusal(&OPERATORS.replace("jwks.json", "http://login.example/keys")),
            refusal(&format!("{OPERATORS}jwks_ca = \"/ca.pem\"\n")),
            refusal("[operators]\nissuer = \"\"\naudience = \"coffre\"\njwks = \"j\"\n"),
            refusal("[server]\nidentity = \"i\"\nidentity_credential = \"server-identity\"\n"),
            refusal("[limits]\noperator_per_minute = 0\n"),
            refusal("[alerts]\nreads_factor = 1\n"),
        ]
        .join("\n")
    );
}

#[test]
fn the_example_of_the_documentation_is_a_configuration() {
    let operations = include_str!("../../../docs/OPERATIONS.md");
    let example = operations.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let example =
        example.replace("NAME+HASH+KEY", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    let example = example.replace("WITNESS+HASH+KEY", WITNESS);
    let configuration = Configuration::parse(&example, Path::new("coffre.toml")).unwrap();
    assert_eq!(configuration.audit.witnesses, [WITNESS.parse().unwrap()]);
    assert!(configuration.server.tls.is_some() && configuration.backup.unwrap().restic.is_some());
    assert!(configuration.operators.is_some() && configuration.limits != CallerBounds::default());
}

#[test]
fn a_missing_file_is_named() {
    let error = Configuration::load(Path::new("/nowhere/coffre.toml")).unwrap_err();
    insta::assert_snapshot!(error.to_string());
}

#[test]
fn where_the_daily_head_goes_is_read_and_nowhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coffre.toml");
    let section = "[audit.daily_head]\nfile = \"head\"\ncommand = [\"bin/courier\", \"bin/x\"]\n";
    fs::write(&file, format!("{PINNED}{section}")).unwrap();
    let head = Configuration::load(&file).unwrap().audit.daily_head.unwrap();
    assert_eq!(head.file.unwrap(), folder.path().join("head"));
    assert_eq!(head.command, [folder.path().join("bin/courier").to_str().unwrap(), "bin/x"], "arguments are no paths");
    let mail = parse("[audit.daily_head]\ncommand = [\"mail\"]\n").unwrap().audit.daily_head.unwrap();
    assert_eq!(mail.command, ["mail"], "a bare name is looked up in PATH");
    for (section, said) in [
        ("[audit.daily_head]\n".to_owned(), "the daily head goes nowhere; set `file`, or `command`, or both"),
        ("[audit.daily_head]\ncommand = [\"\"]\n".to_owned(), "the command for the daily head has no program"),
        (format!("[audit]\nwitnesses = [\"{WITNESS}\", \"{WITNESS}\"]\n"), "two witnesses have one name"),
        ("[audit]\nwitnesses = [\"w\"]\n".to_owned(), "this is no verification key (it has no plus sign)"),
        ("[audit]\nwitness = []\n".to_owned(), "unknown field `witness`"),
    ] {
        let refusal = refusal(&section);
        assert!(refusal.contains(said), "{said}: {refusal}");
    }
}

#[test]
fn what_a_repository_or_a_source_cannot_be_is_told() {
    let restic = "[backup]\nspool = \"/spool\"\n[backup.restic]\nrepository = \"/r\"\npassword_file = \"/p\"\n";
    let source = |fields: &str| format!("[backup]\nspool = \"/spool\"\n[[backup.source]]\nname = \"a\"\n{fields}");
    for (section, said) in [
        (format!("{restic}append_only = true\n[backup.restic.keep]\nlast = 3\n"), "keep with `within…` only"),
        (format!("{restic}[backup.restic.keep]\nwithin = \"two days\"\n"), "\"two days\" is no length of time"),
        (format!("{restic}[backup.restic.check]\ndays = 0\n"), "[backup.restic.check] has a 0"),
        (format!("{restic}[[backup.restic.copy]]\nname = \"restic\"\nrepository = \"/s\"\n"), "no name of its own"),
        (source(""), "a source is not one thing"),
        (source("sqlite = \"/a\"\ndirectory = \"/b\"\n"), "a source is not one thing"),
        (source("command = []\n"), "the command of a source has no program"),
        (source("command = \"mysqldump sales\"\n"), "expected a sequence"),
    ] {
        let refusal = refusal(&section);
        assert!(refusal.contains(said), "{section}: {refusal}");
    }
    let keep = parse(&format!("{restic}append_only = true\n")).unwrap().backup.unwrap().restic.unwrap().retention();
    assert!(keep.numbers.is_empty() && keep.within.len() == 4, "by time unless told otherwise");
}

#[test]
fn a_password_in_an_address_is_not_printed_whatever_it_is() {
    let printed = |repository: &str| {
        let section = format!(
            "[backup]\nspool = \"/s\"\n[backup.restic]\nrepository = \"{repository}\"\npassword_file = \"/p\"\n"
        );
        parse(&section).unwrap().backup.unwrap().restic.unwrap().printed()
    };
    for (repository, shown) in [
        ("rest:https://coffre:secret@backup.example:8000/vault", "rest:https://coffre@backup.example:8000/vault"),
        ("rest:https://coffre:se@cr:et@backup.example/vault", "rest:https://coffre@backup.example/vault"),
        ("rest:https://coffre:secret@backup.example", "rest:https://coffre@backup.example"),
        ("rest:https://backup.example/a:b@c", "rest:https://backup.example/a:b@c"),
        ("sftp:coffre@backup.example:/vault", "sftp:coffre@backup.example:/vault"),
        ("/srv/restic", "/srv/restic"),
    ] {
        assert_eq!(printed(repository), shown);
    }
}

#[test]
fn a_kit_has_the_section_of_a_repository_that_asks_for_more_than_its_password() {
    let printed = |more: &str| {
        let place = "repository = \"s3:https://s3.example/coffre\"\npassword_file = \"/p\"\n";
        let section = format!("[backup]\nspool = \"/s\"\n[backup.restic]\n{place}{more}");
        parse(&section).unwrap().backup.unwrap().restic.unwrap().for_kit()
    };
    let plain = printed("");
    assert_eq!((plain.credential.as_str(), plain.section.as_str()), ("", ""));
    let asking = printed("credentials_file = \"/c\"\noptions = [\"s3.storage-class=COLD\"]\n");
    assert_eq!(asking.credential, "restic.credentials");
    let again = parse(&format!("[backup]\nspool = \"/s\"\n{}", asking.section)).unwrap();
    assert_eq!(again.backup.unwrap().restic.unwrap().for_kit().section, asking.section);
}

#[test]
fn a_kit_names_the_authorities_that_a_bucket_was_configured_with() {
    let kit = |more: &str| {
        let place = "endpoint = \"https://s3.example\"\nbucket = \"b\"\ncredentials_file = \"/c\"\n";
        let section = format!("[[backup.destination]]\nname = \"cloud\"\n[backup.destination.s3]\n{place}{more}");
        let backup = parse(&format!("[backup]\nspool = \"/s\"\n{section}")).unwrap().backup.unwrap();
        backup.destinations.first().unwrap().printed()
    };
    assert_eq!(kit("").credential, "cloud.credentials");
    let company = kit("authorities = \"/etc/ca.pem\"\n");
    assert_eq!(company.credential, "cloud.credentials, cloud.ca.pem");
    assert!(company.section.ends_with("\nauthorities = \"cloud.ca.pem\"\n"), "{}", company.section);
}

#[test]
fn a_file_in_an_encoding_of_former_times_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coffre.toml");
    std::fs::write(&file, b"# \xc3\xa9t\xc3\xa9\n# \xc3\xa9t\xe9\n").unwrap();
    let told = |error: ConfigurationError| error.to_string().replace(&file.display().to_string(), "coffre.toml");
    let refused = told(Configuration::load(&file).unwrap_err());
    let place = "coffre.toml:2:5: the next character is no UTF-8, so save the file as UTF-8; ";
    assert!(refused.starts_with(place), "{refused}");
    assert_eq!(told(Protection::load(&file).unwrap_err()), refused);
}
