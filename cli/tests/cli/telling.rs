//! Who is told what, and what runs by itself: a mail server, a webhook's receiver and a heartbeat's watcher of the test's
//! own, on loopback; and a schedule that is kept by the built binary.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use hmac::{Hmac, Mac as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::Sha256;

use crate::server::until;
use crate::site::Site;

/// Serves connections on loopback, one after the other, and hands on what each brought.
fn listen(serve: impl Fn(&TcpStream) -> String + Send + 'static) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (told, heard) = channel();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if told.send(serve(&stream)).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

/// SMTP (RFC 5321), as far as a client that sends one mail needs it: every line that it says.
fn mail_server(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
    let answer = |text: &str| write!(&mut &*stream, "{text}\r\n").expect("it listens");
    let (mut heard, mut in_data) = (String::new(), false);
    answer("220 mail.test ESMTP");
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).expect("text") == 0 {
            return heard;
        }
        heard.push_str(&line);
        if in_data {
            if line == ".\r\n" {
                in_data = false;
                answer("250 kept");
            }
            continue;
        }
        match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => answer("250-mail.test\r\n250 8BITMIME"),
            "DATA" => {
                in_data = true;
                answer("354 go on");
            }
            "QUIT" => {
                answer("221 bye");
                return heard;
            }
            _ => answer("250 ok"),
        }
    }
}

/// An HTTP server that is content with everything: the request as it came.
fn receiver(mut stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("text");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        head.push_str(&line);
        if line == "\r\n" || line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("as long as announced");
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("it listens");
    head + &String::from_utf8(body).expect("text")
}

fn configure(site: &Site, section: &str) {
    let file = site.path().join("coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, format!("{text}{section}")).expect("written");
}

/// A command that keeps what it is told in `told`.
fn keeps(site: &Site) -> String {
    let file = site.path().join("told");
    format!("[notify]\ncommand = [\"sh\", \"-c\", \"cat > {}\"]\n", file.display())
}

fn told(site: &Site) -> String {
    fs::read_to_string(site.path().join("told")).unwrap_or_default()
}

#[test]
fn the_morning_report_reaches_a_mail_server_and_a_webhook_that_can_tell_who_sent_it() {
    let site = Site::new();
    let (mail, letters) = listen(mail_server);
    let (hook, requests) = listen(receiver);
    fs::write(site.path().join("secret"), "between the two of us\n").expect("written");
    configure(
        &site,
        &format!(
            "[notify]\nlanguage = \"fr\"\n[notify.mail]\nserver = \"127.0.0.1\"\nport = {mail}\ntls = \"none\"\n\
             from = \"Coffre <coffre@example.fr>\"\nto = [\"it@example.fr\", \"dsi@example.fr\"]\n\
             [notify.webhook]\nurl = \"http://127.0.0.1:{hook}/coffre\"\nsecret_file = \"secret\"\n"
        ),
    );
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    site.succeeds(&["drill"]);
    site.succeeds(&["backup", "measure"]);
    let report = site.json(0, &["backup", "report", "--send", "--json"]);
    assert_eq!((&report["well"], &report["problems"]), (&Value::Bool(true), &Value::Array(Vec::new())), "{report:#}");

    let letter = letters.recv().expect("a mail came");
    for part in [
        "MAIL FROM:<coffre@example.fr>",
        "RCPT TO:<it@example.fr>",
        "RCPT TO:<dsi@example.fr>",
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "filename=\"coffre.html\"",
        "Tout va bien.",
    ] {
        assert!(letter.contains(part), "{part} is missing in {letter}");
    }

    let request = requests.recv().expect("a request came");
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    let named = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| Some(line.split_once(": ")?.1.to_owned())).expect("the header")
    };
    let signature = named("coffre-signature");
    let (time, mac) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("both parts");
    let mut expected = Hmac::<Sha256>::new_from_slice(b"between the two of us").expect("a key");
    expected.update(format!("{time}.{body}").as_bytes());
    assert_eq!(mac, coffre_core::crypto::hex(&expected.finalize().into_bytes()));
    let sent: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&sent["kind"], &sent["facts"]["well"]), (&"report".into(), &Value::Bool(true)));

    let page = site.path().join("page.html");
    site.succeeds(&["backup", "report", "--html", "page.html", "--language", "en"]);
    assert!(fs::read_to_string(page).expect("it is there").contains("<polyline"), "with charts");
    server.stop();
}

#[test]
fn nobody_is_told_of_a_report_that_nobody_is_named_for_and_a_server_that_is_away_may_come_back() {
    let site = Site::new();
    let (code, out, _) = site.run(&["backup", "report", "--send", "--json"]);
    let last: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("one JSON object");
    assert_eq!((code, &last["exit_code"]), (Some(2), &Value::from(2)));
    assert!(last["error"].as_str().is_some_and(|error| error.contains("nobody to tell")), "{last}");
    let free = crate::listening::free_port();
    configure(
        &site,
        &format!(
            "[notify.mail]\nserver = \"127.0.0.1\"\nport = {free}\ntls = \"none\"\nfrom = \"a@example.fr\"\nto = [\"b@example.fr\"]\n"
        ),
    );
    let (code, told) = site.fails(&["backup", "report", "--send"]);
    assert!(code == 75 && told.contains("the mail server 127.0.0.1 was not reached"), "{code}: {told}");
}

#[test]
fn what_goes_in_clear_to_this_machine_goes_through_no_proxy_of_the_environment() {
    let site = Site::new();
    let (hook, requests) = listen(receiver);
    let (proxy, intercepted) = listen(receiver);
    fs::write(site.path().join("secret"), "between the two of us\n").expect("written");
    let url = format!("http://127.0.0.1:{hook}/coffre");
    configure(&site, &format!("[notify.webhook]\nurl = \"{url}\"\nsecret_file = \"secret\"\n"));
    let proxy = format!("http://127.0.0.1:{proxy}");
    let environment = [("COFFRE_CONFIG", "coffre.toml"), ("http_proxy", proxy.as_str()), ("ALL_PROXY", proxy.as_str())];
    let sent = crate::transcript::run(site.path(), &environment, &["backup", "report", "--send"]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    assert!(requests.recv().expect("a request came").starts_with("POST /coffre HTTP/1.1\r\n"));
    assert!(intercepted.try_recv().is_err(), "the proxy was told");
}

#[test]
fn a_job_that_fails_is_told_once_and_so_is_its_recovery() {
    let site = Site::new();
    configure(&site, &keeps(&site));
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    assert_eq!(told(&site), "", "all is well");
    let (place, away) = (site.path().join("building-b"), site.path().join("away"));
    fs::rename(&place, &away).expect("renamed");
    assert_eq!(site.run(&["backup", "run"]).0, Some(75));
    assert!(told(&site).starts_with("[Coffre recette] FAILED: run (code 75)"), "{}", told(&site));
    fs::remove_file(site.path().join("told")).expect("it is there");
    assert_eq!(site.run(&["backup", "run"]).0, Some(75));
    assert_eq!(told(&site), "", "it is no news");
    let report = site.json(0, &["backup", "report", "--json"]);
    let problems = report["problems"].to_string();
    assert!(problems.contains("{\"job-failed\":\"run\"}") && problems.contains("drill-overdue"), "{problems}");
    fs::rename(&away, &place).expect("renamed");
    site.succeeds(&["backup", "run"]);
    assert!(told(&site).starts_with("[Coffre recette] recovered: run"), "{}", told(&site));
    server.stop();
}

#[test]
fn a_run_that_met_another_one_hides_no_failure_and_what_gets_worse_is_told_again() {
    let site = Site::new();
    configure(&site, &keeps(&site));
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    let run = |code| {
        assert_eq!(site.run(&["backup", "run"]).0, Some(code));
        let heard = told(&site);
        fs::remove_file(site.path().join("told")).ok();
        heard.lines().next().unwrap_or_default().to_owned()
    };
    let met = |code, heard: &str| {
        let lock = fs::File::create(site.path().join("state/backup.lock")).expect("a file");
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("it is free");
        assert_eq!(run(code), heard);
    };
    met(13, "");
    assert_eq!(run(0), "", "nobody was told that anything was wrong");
    met(13, "");
    let (place, away) = (site.path().join("building-b"), site.path().join("away"));
    fs::rename(&place, &away).expect("renamed");
    assert_eq!(run(75), "[Coffre recette] FAILED: run (code 75)");
    // Emptied, and no longer away only.
    fs::create_dir(&place).expect("a folder");
    assert_eq!(run(12), "[Coffre recette] FAILED: run (code 12)");
    assert_eq!(run(12), "", "it is known");
    fs::remove_dir_all(&place).expect("ours");
    assert_eq!(run(75), "", "it is no worse");
    fs::rename(&away, &place).expect("renamed");
    assert_eq!(run(0), "[Coffre recette] recovered: run");
    server.stop();
}

#[test]
fn a_run_that_was_cut_off_is_a_failure_for_whoever_looks_and_is_told_when_the_job_begins_anew() {
    let site = Site::new();
    configure(&site, &keeps(&site));
    // As a kill leaves it.
    let cut_off = "{\"format\":\"coffre/backup-jobs/v1\",\"jobs\":{\"verify-quick\":{\"considered\":\"2026-06-01T00:00:00Z\",\
                   \"started\":\"2026-06-01T00:00:00Z\",\"ended\":null,\"code\":null,\"last_success\":null,\"failures\":0}}}";
    fs::write(site.path().join("state/jobs.json"), cut_off).expect("written");
    let report = site.json(0, &["backup", "report", "--json"]);
    assert!(report["problems"].to_string().contains("{\"job-failed\":\"verify-quick\"}"), "{report:#}");
    // There is nothing to verify yet.
    assert_ne!(site.run(&["backup", "verify", "--quick"]).0, Some(0));
    let told = told(&site);
    assert!(told.starts_with("[Coffre recette] FAILED: verify-quick (code 1)"), "{told}");
    assert!(told.contains("did not come to its end"), "{told}");
    assert_eq!(job(&site, "verify-quick")["failures"], 2);
}

#[test]
fn what_only_looks_is_not_the_job_and_clears_no_failure() {
    let site = Site::new();
    // There is no repository yet.
    assert_ne!(site.run(&["backup", "forget"]).0, Some(0));
    let failed = job(&site, "forget");
    assert_eq!(failed["failures"], 1, "{failed}");
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    server.stop();
    site.succeeds(&["backup", "forget", "--dry-run"]);
    assert_eq!(job(&site, "forget"), failed);
    site.succeeds(&["backup", "forget"]);
    assert_eq!(job(&site, "forget")["failures"], 0);
}

#[test]
fn that_nobody_could_be_told_nor_reads_that_changes_no_exit_code() {
    let site = Site::new();
    configure(&site, "[notify]\ncommand = [\"false\"]\n");
    fs::remove_dir(site.path().join("building-b")).expect("it is empty");
    let (unread, closed) = std::io::pipe().expect("a pipe");
    drop(unread);
    let status = Command::new(crate::transcript::coffre())
        .args(["backup", "run", "--init"])
        .current_dir(site.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("COFFRE_CONFIG", "coffre.toml")
        .stdout(Stdio::null())
        .stderr(closed)
        .status()
        .expect("the built binary runs");
    let told = job(&site, "run");
    assert_eq!((status.code().map(Value::from), &told["told"]), (Some(told["code"].clone()), &Value::Null), "{told}");
    assert_ne!(status.code(), Some(0), "its destination is away");
}

#[test]
fn a_job_that_is_under_way_is_not_started_again() {
    let site = Site::new();
    let lock = fs::File::create(site.path().join("state/job-run.lock")).expect("a file");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("it is free");
    let told = site.json(13, &["backup", "run", "--json"]);
    assert!(told["error"].as_str().is_some_and(|error| error.contains("job-run.lock is in use")), "{told}");
    drop(lock);
    assert_ne!(site.run(&["backup", "run"]).0, Some(13));
}

#[test]
fn the_heartbeat_is_called_while_all_is_well_and_only_then() {
    let site = Site::new();
    let (port, calls) = listen(receiver);
    configure(&site, &format!("[notify]\nheartbeat = \"http://127.0.0.1:{port}/alive\"\n"));
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    let silent = site.json(11, &["backup", "heartbeat", "--json"]);
    assert_eq!(silent["problems"], serde_json::json!(["drill-overdue"]));
    assert!(calls.try_recv().is_err(), "it was not called");
    site.succeeds(&["drill"]);
    site.succeeds(&["backup", "heartbeat"]);
    assert!(calls.recv().expect("it was called").starts_with("GET /alive HTTP/1.1\r\n"));
    server.stop();
    let silent = site.json(11, &["backup", "heartbeat", "--json"]);
    assert!(silent["problems"].to_string().contains("vault-silent"), "{silent}");
}

/// `coffre backup follow`, until it is told to stop.
pub(crate) struct Follow(Child);

impl Follow {
    pub(crate) fn start(folder: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_coffre"))
            .args(["backup", "follow"])
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("COFFRE_CONFIG", "coffre.toml")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the built binary runs");
        Self(child)
    }

    pub(crate) fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it runs");
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        // What has ended already needs no end.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn job(site: &Site, name: &str) -> Value {
    let text = fs::read_to_string(site.path().join("state/jobs.json")).unwrap_or_default();
    serde_json::from_str::<Value>(&text).map(|jobs| jobs["jobs"][name].clone()).unwrap_or_default()
}

#[test]
fn a_schedule_is_kept_and_what_was_missed_is_made_up_for_once() {
    let site = Site::new();
    let jobs = "measure = \"* * * * * *\"\nverify-quick = \"0 0 1 1 *\"\ncopies = \"0 0 1 1 *\"\n";
    configure(&site, &format!("[schedule.jobs]\n{jobs}"));
    // It was down on New Year's Day. The other yearly job is new, and counts from now on.
    let missed = "{\"format\":\"coffre/backup-jobs/v1\",\"jobs\":{\"verify-quick\":{\"considered\":\"2020-06-01T00:00:00Z\",\
                  \"started\":null,\"ended\":null,\"code\":null,\"last_success\":null,\"failures\":0}}}";
    fs::write(site.path().join("state/jobs.json"), missed).expect("written");
    let server = site.serve();
    site.succeeds(&["backup", "run", "--init"]);
    let follow = Follow::start(site.path());
    let measured =
        || fs::read_to_string(site.path().join("state/measurements.jsonl")).unwrap_or_default().lines().count();
    until("it was measured three times", || measured() >= 3);
    until("what was missed is made up for", || job(&site, "verify-quick")["code"] == 0);
    let made_up = job(&site, "verify-quick")["started"].clone();
    let before = measured();
    until("it was measured twice more", || measured() >= before + 2);
    assert_eq!(job(&site, "verify-quick")["started"], made_up, "once");
    let new = job(&site, "copies");
    assert!(new["considered"].is_string() && new["started"].is_null(), "{new}");
    assert_eq!(follow.stop(), Some(0));
    server.stop();
}
