//! The texts that an administrator meets when the configuration is wrong.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const PINNED: &str = r#"environment = "production"
vault_id = "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11"
verification_key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"#;

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
    let restic = backup.restic.unwrap();
    assert_eq!(configuration.vault.unwrap(), folder.path().join("vault"));
    assert_eq!(configuration.policies.unwrap(), Path::new("/usr/share/coffre/policies"));
    assert_eq!(configuration.server.identity.unwrap(), folder.path().join("../server.identity"));
    assert_eq!(configuration.server.control_socket.unwrap(), folder.path().join("run/control.sock"));
    assert_eq!(configuration.server.backup_socket.unwrap(), Path::new("/run/coffre/backup.sock"));
    assert_eq!(backup.spool, folder.path().join("spool"));
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
