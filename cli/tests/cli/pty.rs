//! A program at a real terminal: what it shows, and what a person types when it asks.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// Long enough for a restore on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A terminal with a program at it.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    /// Our own end of the program's side: the terminal stays when the program is gone.
    line: File,
    shown: String,
    arriving: Receiver<Vec<u8>>,
}

impl Terminal {
    /// Starts `coffre` at a terminal.
    pub(crate) fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("it is ours");
        unlockpt(&keyboard).expect("it is ours");
        let name = ptsname(&keyboard, Vec::new()).expect("it has a name");
        let line: File =
            rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its line").into();
        let end = || Stdio::from(line.try_clone().expect("one more descriptor"));
        let child = Command::new(env!("CARGO_BIN_EXE_coffre"))
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the built binary runs");
        let keyboard = File::from(keyboard);
        let mut screen = keyboard.try_clone().expect("one more descriptor");
        let (told, arriving) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut buffer) {
                if told.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, line, shown: String::new(), arriving }
    }

    /// Waits until the terminal shows something after all that was waited for before, and gives what came until then.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            match self.arriving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} was not shown, but {:?}", self.shown)
                }
            }
        }
    }

    /// Types a line and the Enter key.
    pub(crate) fn types(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).and_then(|()| self.keyboard.write_all(b"\r")).expect("a keyboard");
    }

    /// Presses one key.
    pub(crate) fn presses(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).expect("a keyboard");
    }

    /// Whether the terminal shows what is typed, as it did at the beginning.
    pub(crate) fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.line).expect("a terminal").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Waits for the end; gives the exit code and all that was shown since it was last waited for.
    pub(crate) fn ends(mut self) -> (Option<i32>, String, bool) {
        let code = self.child.wait().expect("it is ours").code();
        let echoes = self.echoes();
        // What was shown last is on its way still: a mark of our own comes after it.
        (&self.line).write_all(b"<end>").expect("the line");
        let shown = self.until("<end>");
        (code, shown, echoes)
    }
}
