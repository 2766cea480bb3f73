//! A small HTTP client, as an application has one: whole answers, or an error when the connection breaks.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

/// An application with its token, at a server.
#[derive(Clone)]
pub(crate) struct Caller {
    address: String,
    token: String,
    operator: &'static str,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
        let answer = Self { status, head: head.to_owned(), body: body.to_owned() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        if length.is_some_and(|length: usize| answer.body.len() < length) { Err(cut()) } else { Ok(answer) }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| Some(line.split_once(':')?.1.trim()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.body
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The last part of a problem's type; the status must be this one.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let problem = self.json();
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        let kind = problem["type"].as_str().expect("a type");
        kind.rsplit(':').next().expect("a name").to_owned()
    }
}

impl Caller {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned(), operator: "j.bond" }
    }

    /// The same application, acting for somebody else.
    pub(crate) fn for_operator(&self, operator: &'static str) -> Self {
        Self { operator, ..self.clone() }
    }

    /// A connection on which the head of a request was sent that announces so many bytes.
    pub(crate) fn begin(&self, method: &str, path: &str, headers: &str, length: usize) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nCoffre-Operator: {}\r\n\
             {headers}Content-Length: {length}\r\nConnection: close\r\n\r\n",
            self.token, self.operator
        )?;
        Ok(stream)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = self.begin(method, path, headers, body.len())?;
        // A server that has heard enough answers without reading on.
        stream.write_all(body).ok();
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        // One that closes with bytes unread resets the connection, after its answer.
        Answer::parse(bytes).map_err(|error| read.err().unwrap_or(error))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", b"").expect("it answers")
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &Value) -> io::Result<Answer> {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        self.ask(method, path, &headers, body.to_string().as_bytes())
    }

    /// Makes a policyholder of this name.
    pub(crate) fn create(&self, name: &str) -> io::Result<Answer> {
        let body = json!({"contact": {"family_name": name, "given_name": "Anne"}});
        self.send("POST", "/v1/records/policyholder?purpose=contract-administration", "", &body)
    }

    /// Makes one and gives its path.
    pub(crate) fn create_one(&self, name: &str) -> String {
        let created = self.create(name).expect("it answers");
        assert_eq!(created.status, 201, "{created:?}");
        format!("/v1/records/policyholder/{}", created.json()["id"].as_str().expect("an identifier"))
    }

    /// Its family name, read under a purpose.
    pub(crate) fn family_name(&self, record: &str) -> io::Result<Answer> {
        self.ask("GET", &format!("{record}?fields=contact.family_name&purpose=contract-administration"), "", b"")
    }

    /// What a document is sent with, and where to.
    pub(crate) fn document(record: &str) -> (String, &'static str) {
        let path = format!("{record}/documents?purpose=contract-administration");
        (path, "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"contrat.pdf\"\r\n")
    }

    pub(crate) fn upload(&self, record: &str, content: &[u8]) -> io::Result<Answer> {
        let (path, headers) = Self::document(record);
        self.ask("POST", &path, headers, content)
    }
}
