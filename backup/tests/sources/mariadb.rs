//! A MariaDB server of the test's own: dumped while it runs, restored into another database, compared by checksums.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// A server in a folder of its own, reached by a socket there and by nothing else.
struct MariaDb {
    server: Child,
    socket: PathBuf,
}

impl MariaDb {
    fn start(folder: &Path) -> Self {
        let (data, socket) = (folder.join("data"), folder.join("s"));
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = format!("--user={}", String::from_utf8(user).unwrap().trim());
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &user])
            .arg(format!("--datadir={}", data.display()))
            .output();
        let made =
            made.unwrap_or_else(|error| panic!("mariadb-install-db (Debian: mariadb-server) does not run: {error}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let program =
            ["/usr/sbin/mariadbd", "mariadbd"].into_iter().find(|p| Path::new(p).exists()).unwrap_or("mariadbd");
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut server = Command::new(program)
            .args(["--no-defaults", "--skip-networking", "--innodb-buffer-pool-size=8M", &user])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_mins(2);
        while UnixStream::connect(&socket).is_err() {
            assert!(server.try_wait().unwrap().is_none() && Instant::now() < until, "it does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { server, socket }
    }

    fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        client.arg(format!("--socket={}", self.socket.display()));
        client
    }

    fn ask(&self, script: &str) -> String {
        let output = self.client().args(["-e", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As a source's configuration has it; no password stands in it.
    fn dump(&self, database: &str) -> Kind {
        let socket = format!("--socket={}", self.socket.display());
        command(&[
            "mariadb-dump",
            "--no-defaults",
            "--user=root",
            &socket,
            "--single-transaction",
            "--routines",
            database,
        ])
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

#[test]
fn a_dumped_server_is_restored_with_equal_checksums() {
    let host = Host::with_installed();
    let database = MariaDb::start(host.folder.path());
    database.ask(
        "CREATE DATABASE sales CHARACTER SET utf8mb4; USE sales;
         CREATE TABLE clients (id INT PRIMARY KEY, name VARCHAR(80), note BLOB);
         INSERT INTO clients SELECT seq, CONCAT('Éléonore n° ', seq), REPEAT(UNHEX('00FF27'), 50) FROM seq_1_to_20000;
         CREATE TABLE contracts (id INT PRIMARY KEY, client INT, FOREIGN KEY (client) REFERENCES clients(id));
         INSERT INTO contracts SELECT seq, seq FROM seq_1_to_5000;",
    );
    let sales = source("sales-database", database.dump("sales"));
    let done = host.run(&sales).unwrap();
    assert!(done.good.bytes > 1_000_000, "{done:?}");
    let restored = host.restore(&sales, "restored").join("dump");

    database.ask("CREATE DATABASE again CHARACTER SET utf8mb4;");
    let read = fs::File::open(restored).unwrap();
    let status = database.client().arg("again").stdin(read).status().unwrap();
    assert!(status.success());
    let checksums = |name: &str| {
        let rows = database.ask(&format!("CHECKSUM TABLE {name}.clients, {name}.contracts EXTENDED;"));
        rows.lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = checksums("sales");
    assert!(expected.len() == 2 && expected.iter().all(|sum| sum.parse::<u64>().is_ok_and(|sum| sum > 0)));
    assert_eq!(checksums("again"), expected);
    database.ask("UPDATE sales.clients SET name = 'x' WHERE id = 7;");
    assert_ne!(checksums("sales"), expected, "the checksum sees a changed row");

    // A dump that the server breaks off is no backup.
    let (ending, said) = ending(host.run(&OtherSource { kind: database.dump("absent"), ..sales.clone() }));
    assert_eq!(ending, Ending::Failure);
    assert!(said.starts_with("mariadb-dump ended with exit code 2 ("), "{said}");
    assert_eq!(host.snapshots(&sales), 1);
}
