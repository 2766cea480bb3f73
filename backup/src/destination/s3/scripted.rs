//! A bucket for tests, on a server that answers as it is told.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;

use super::{S3, S3Settings};

/// A file with an access key, in a folder.
pub(crate) fn key_file(folder: &Path) -> PathBuf {
    let file = folder.join("credentials");
    write_key(&file, "A");
    file
}

/// Puts another key into it.
pub(crate) fn write_key(file: &Path, id: &str) {
    fs::write(file, format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = B\n")).unwrap();
}

/// The bucket. Each request is answered with a status and a text, by how many came before and by its first line.
pub(crate) fn bucket(key: &Path, answer: impl Fn(usize, &str) -> (u16, String) + Send + 'static) -> S3 {
    S3::new(&settings(key, answer)).unwrap()
}

/// The settings that reach it.
pub(crate) fn settings(key: &Path, answer: impl Fn(usize, &str) -> (u16, String) + Send + 'static) -> S3Settings {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let (mut asked, mut line) = (String::new(), String::new());
            lines.read_line(&mut asked).unwrap();
            // Up to an empty line.
            while lines.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let (status, text) = answer(number, &asked);
            let length = text.len();
            let head = format!("HTTP/1.1 {status} Answer\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
        }
    });
    S3Settings {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "eu".to_owned(),
        bucket: "coffre".to_owned(),
        prefix: String::new(),
        credentials: key.to_owned(),
        authorities: None,
    }
}
