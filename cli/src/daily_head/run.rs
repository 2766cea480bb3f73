//! Starts the command that hands over the day's head: a mailer, a courier to another machine. No shell, no environment
//! but PATH, nothing secret: the text on its standard input is all it gets.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long it may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a program with a text on its standard input, and waits until it has done well.
pub(crate) async fn give(program: &str, arguments: &[String], text: String) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be started ({error})")))?;
    let given = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).await?;
        }
        child.wait().await
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("{program} took more than a minute and was ended"));
    let status = tokio::time::timeout(PATIENCE, given).await.map_err(late)??;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program} ended with {status}"))) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_gets_the_text_and_nothing_of_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("got").display().to_string();
        let script = "cat > \"$0\"; env | grep -v -e ^PATH= -e ^PWD= -e ^SHLVL= -e ^_= >> \"$0\"; exit 0".to_owned();
        give("sh", &["-c".to_owned(), script, file.clone()], "the head\n".to_owned()).await.unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "the head\n");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told() {
        let told = |result: io::Result<()>| result.unwrap_err().to_string();
        assert_eq!(
            told(give("sh", &["-c".into(), "cat; exit 3".into()], "x".into()).await),
            "sh ended with exit status: 3"
        );
        assert!(told(give("/nowhere/mail", &[], "x".into()).await).starts_with("/nowhere/mail cannot be started"));
    }
}
