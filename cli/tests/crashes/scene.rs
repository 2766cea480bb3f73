//! A vault with its spool and one destination in a folder of its own, whose processes run under the shim.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::caller::Caller;
use crate::desk::Desk;
use crate::journal::{Journal, Known};
use crate::server::Server;
use crate::shim::{Rule, Shim, borrowed};
use crate::transcript;

/// The folder, and who may call.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) shim: Shim,
    desk: String,
    dpo: String,
}

/// Both applications at a server.
pub(crate) struct Callers {
    pub(crate) desk: Caller,
    pub(crate) dpo: Caller,
}

/// How often some vault recovered from a fault.
static TIMES: AtomicUsize = AtomicUsize::new(0);

const BACKUP: &str = "vault = \"vault\"\n[backup]\nspool = \"spool\"\nstate = \"state\"\nobjective_hours = 1\n\
                      [[backup.destination]]\nname = \"building-b\"\npath = \"building-b\"\n";

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let run = |arguments: &[&str]| {
            let output = transcript::run(path, &[], arguments);
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            output.stdout
        };
        run(&["init", "vault", "--environment", "recette"]);
        let add = |name: &str, role: &str| {
            let added = run(&["application", "add", name, "--role", role, "--vault", "vault", "--json"]);
            let added: Value = serde_json::from_slice(&added).expect("one JSON object");
            added["token"].as_str().expect("a token").to_owned()
        };
        let (desk, dpo) = (add("desk", "legal"), add("dpo", "dpo"));
        for name in ["spool", "state", "building-b"] {
            std::fs::create_dir(path.join(name)).expect("a folder");
        }
        let pins = std::fs::read_to_string(path.join("vault/coffre.toml")).expect("init wrote it");
        std::fs::write(path.join("coffre.toml"), format!("{pins}{BACKUP}")).expect("written");
        Self { shim: Shim::below(path), desk, dpo, folder }
    }

    /// The same again, as it lies there.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy(self.path(), folder.path());
        Self { shim: Shim::below(folder.path()), folder, desk: self.desk.clone(), dpo: self.dpo.clone() }
    }

    /// A folder beside it for the same vault, to be filled.
    pub(crate) fn beside(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { shim: Shim::below(folder.path()), folder, desk: self.desk.clone(), dpo: self.dpo.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Serves it under the shim.
    pub(crate) fn serve(&self) -> Server {
        self.serve_under(self.shim.environment())
    }

    /// Serves it with everything recorded.
    pub(crate) fn serve_recorded(&self) -> Server {
        self.serve_under(self.shim.recording())
    }

    fn serve_under(&self, mut environment: Vec<(&'static str, OsString)>) -> Server {
        environment.push(("COFFRE_CONFIG", "coffre.toml".into()));
        Server::start_under(self.path(), &borrowed(&environment))
    }

    pub(crate) fn callers(&self, server: &Server) -> Callers {
        Callers { desk: server.caller(&self.desk), dpo: server.caller(&self.dpo) }
    }

    pub(crate) fn work<'j>(&self, server: &Server, journal: &'j Journal, name: &str) -> Desk<'j> {
        Desk::new(server.caller(&self.desk), journal, name)
    }

    /// What a vault that is served lacks of what is known.
    pub(crate) fn missing(&self, server: &Server, known: &Known) -> Result<(), String> {
        let Callers { desk, dpo } = self.callers(server);
        known.missing(&desk, &dpo)
    }

    /// A verb without the shim: exit code, output, errors.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = transcript::run(self.path(), &[("COFFRE_CONFIG", "coffre.toml")], arguments);
        let text = |bytes| String::from_utf8(bytes).expect("output is text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn succeeds(&self, arguments: &[&str]) -> Result<String, String> {
        match self.run(arguments) {
            (Some(0), out, _) => Ok(out),
            (code, out, error) => Err(format!("{arguments:?} ended with {code:?}: {out}{error}")),
        }
    }

    /// A verb that is recorded with the rest, to its end.
    pub(crate) fn run_recorded(&self, arguments: &[&str]) {
        let output = self.command(self.shim.recording(), arguments).output().expect("the built binary runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    pub(crate) fn start_recorded(&self, arguments: &[&str]) -> Child {
        self.start_in(self.shim.recording(), arguments)
    }

    /// How many objects of a kind the destination has.
    pub(crate) fn shipped(&self, kind: &str) -> usize {
        self.objects("building-b", kind)
    }

    /// How many objects of a kind a place has.
    pub(crate) fn objects(&self, place: &str, kind: &str) -> usize {
        let (mut folders, mut found) = (vec![self.path().join(place)], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                found += usize::from(path.extension().is_some_and(|found| found == kind));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        found
    }

    /// A verb under a plan of its own, to its end.
    pub(crate) fn run_under(&self, rules: &[Rule], arguments: &[&str]) -> ExitStatus {
        let shim = Shim::below(self.path());
        shim.plan(rules);
        self.start_under(&shim, arguments).wait().expect("it ends")
    }

    /// A verb that succeeds, by a clock that is so many days ahead.
    pub(crate) fn at(&self, day: i64, arguments: &[&str]) -> String {
        let shim = Shim::below(self.path());
        shim.plan(&[Rule::clock(day * 86_400)]);
        let output = self.command(shim.environment(), arguments).output().expect("the built binary runs");
        assert!(output.status.success(), "day {day}, {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("output is text")
    }

    pub(crate) fn start_under(&self, shim: &Shim, arguments: &[&str]) -> Child {
        self.start_in(shim.environment(), arguments)
    }

    fn start_in(&self, environment: Vec<(&'static str, OsString)>, arguments: &[&str]) -> Child {
        let mut command = self.command(environment, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the built binary runs")
    }

    fn command(&self, environment: Vec<(&'static str, OsString)>, arguments: &[&str]) -> Command {
        let mut command = Command::new(transcript::coffre());
        command.args(arguments).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("COFFRE_CONFIG", "coffre.toml");
        command.envs(environment);
        command
    }

    fn key(&self) -> String {
        let text = std::fs::read_to_string(self.path().join("coffre.toml")).expect("it is there");
        let line = text.lines().find(|line| line.starts_with("verification_key")).expect("it is pinned");
        line.split('"').nth(1).expect("a value").to_owned()
    }

    /// The arguments of a restore from the destination alone.
    pub(crate) fn restore(&self, to: &str) -> Vec<String> {
        let key = self.key();
        let arguments = [
            "restore",
            "--from",
            "building-b",
            "--to",
            to,
            "--identity",
            "vault.recovery-identity",
            "--vault-key",
            &key,
        ];
        arguments.map(str::to_owned).to_vec()
    }

    /// Puts what was restored where the vault is.
    pub(crate) fn take_the_place_of_the_vault(&self, restored: &str) {
        let vault = self.path().join("vault");
        std::fs::remove_dir_all(&vault).expect("it is there");
        std::fs::rename(self.path().join(restored), vault).expect("renamed");
    }

    /// Restores from the destination alone and asks the vault that comes of it for what is known.
    pub(crate) fn destination_alone_has(&self, known: &Known) -> Result<(), String> {
        let elsewhere = self.beside();
        for name in ["building-b", "vault.recovery-identity", "coffre.toml"] {
            copy(&self.path().join(name), &elsewhere.path().join(name));
        }
        let restore = elsewhere.restore("vault");
        elsewhere.succeeds(&restore.iter().map(String::as_str).collect::<Vec<_>>())?;
        // By the configuration that the restore wrote: it captures nowhere.
        let server = Server::start(elsewhere.path());
        let found = elsewhere.missing(&server, known);
        server.stop();
        found.and_then(|()| elsewhere.succeeds(&["audit", "verify", "--vault", "vault"]).map(drop))
    }

    /// The vault serves again, has everything, goes on, and is backed up soundly; the chains went on or were begun anew.
    pub(crate) fn recovers(&self, known: &Known) -> Result<(), String> {
        self.shim.plan(&[]);
        let server = self.serve();
        self.missing(&server, known)?;
        let after = Journal::default();
        // Under a name that was not given after another fault.
        let mut desk = self.work(&server, &after, &format!("Wieder{}", TIMES.fetch_add(1, Ordering::SeqCst)));
        desk.create().map_err(|error| format!("it takes no writes: {error}"))?;
        self.succeeds(&["backup", "run", "--json"])?;
        self.succeeds(&["backup", "verify", "spool", "building-b", "--json"])?;
        self.missing(&server, &after.known())?;
        server.stop();
        self.succeeds(&["audit", "verify", "--vault", "vault"]).map(drop)
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let from = if from.is_dir() { from.join(".") } else { from.to_owned() };
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp");
}
