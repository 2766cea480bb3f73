//! What officers sign: a few lines that a person can read, in one spelling only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::StatementError;
use super::officer::{Officer, Officers};
use crate::crypto::Scope;
use crate::ids::ApplicationId;
use crate::role::Role;
use crate::spool::ContentHash;

/// How every statement begins: what else such a key may sign is none.
const FIRST: &str = "coffre approval v1";
/// What stands in the place of a hash where there is none.
const NOTHING: &str = "nothing";
/// What stands in the place of a URI where a token is the proof.
const TOKEN: &str = "token";

/// What is to take effect, and in which vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The vault and its environment: a signature counts nowhere else.
    pub scope: Scope,
    /// What is to take effect.
    pub subject: Subject,
}

/// What is to take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A policy set.
    Policies(PolicyStatement),
    /// An application in its role.
    Application(ApplicationStatement),
    /// Another set of officers.
    Officers(Officers),
}

/// A policy set, in the place of the one that was approved before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStatement {
    /// One more than that of the set approved before; 1 for the first.
    pub serial: u64,
    /// What is approved.
    pub hashes: PolicyHashes,
    /// What was approved before: what officers compare it with.
    pub replaces: Option<PolicyHashes>,
}

/// What a policy folder is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHashes {
    /// The hash of record types, purposes, retention and Cedar policies: what entries of the log call the policy set.
    pub policies: ContentHash,
    /// The hash of the environments' files.
    pub environments: ContentHash,
}

/// An application in its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationStatement {
    /// Its identifier, which no other application ever has.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The URI that its certificates name; it has a token without one.
    pub san_uri: Option<String>,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { environment, vault } = &self.scope;
        writeln!(f, "{FIRST}\nvault {vault}\nenvironment {environment}")?;
        match &self.subject {
            Subject::Policies(PolicyStatement { serial, hashes, replaces }) => {
                let PolicyHashes { policies, environments } = hashes;
                writeln!(f, "policies {serial}\nhash {policies}\nenvironments {environments}")?;
                match replaces {
                    Some(PolicyHashes { policies, environments }) => writeln!(f, "replaces {policies} {environments}"),
                    None => writeln!(f, "replaces {NOTHING}"),
                }
            }
            Subject::Application(ApplicationStatement { id, name, role, san_uri }) => {
                writeln!(f, "application {id}\nname {name}\nrole {role}")?;
                writeln!(f, "proof {}", san_uri.as_deref().unwrap_or(TOKEN))
            }
            Subject::Officers(officers) => {
                writeln!(f, "officers {}", officers.serial())?;
                officers.iter().try_for_each(|officer| writeln!(f, "officer {officer}"))
            }
        }
    }
}

impl FromStr for Statement {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let mut lines = Lines { left: text, line: 0 };
        if lines.take() != Some(FIRST) {
            return Err(StatementError::NoStatement);
        }
        let vault = lines.parsed("vault", "`vault` and a vault's identifier")?;
        let environment = lines.parsed("environment", "`environment` and an environment's name")?;
        let scope = Scope { environment, vault };
        let subject = lines.subject()?;
        if !lines.left.is_empty() {
            lines.line += 1;
            return Err(lines.wrong("the end"));
        }
        Ok(Self { scope, subject })
    }
}

/// Lines that are still to be read.
struct Lines<'t> {
    left: &'t str,
    line: usize,
}

impl<'t> Lines<'t> {
    /// The next line, which must end.
    fn take(&mut self) -> Option<&'t str> {
        let (line, left) = self.left.split_once('\n')?;
        self.line += 1;
        self.left = left;
        Some(line)
    }

    const fn wrong(&self, expected: &'static str) -> StatementError {
        StatementError::Line { line: self.line, expected }
    }

    /// What follows a word and one space on the next line.
    fn after(&mut self, word: &str, expected: &'static str) -> Result<&'t str, StatementError> {
        let Some(line) = self.take() else {
            self.line += 1;
            return Err(self.wrong(expected));
        };
        line.strip_prefix(word).and_then(|rest| rest.strip_prefix(' ')).ok_or(self.wrong(expected))
    }

    fn parsed<T: FromStr>(&mut self, word: &str, expected: &'static str) -> Result<T, StatementError> {
        self.after(word, expected)?.parse().map_err(|_| self.wrong(expected))
    }

    /// A number as it is written here: from 1, without zeros before it.
    fn number(&self, text: &str, expected: &'static str) -> Result<u64, StatementError> {
        let number = text.parse::<u64>().ok().filter(|number| *number > 0 && number.to_string() == text);
        number.ok_or(self.wrong(expected))
    }

    fn plain(&mut self, word: &str, expected: &'static str) -> Result<String, StatementError> {
        let text = self.after(word, expected)?;
        let sound = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if sound { Ok(text.to_owned()) } else { Err(self.wrong(expected)) }
    }

    fn subject(&mut self) -> Result<Subject, StatementError> {
        const EXPECTED: &str = "`policies`, `application` or `officers`, and a number or identifier";
        let Some((word, rest)) = self.take().and_then(|line| line.split_once(' ')) else {
            return Err(self.wrong(EXPECTED));
        };
        match word {
            "policies" => self.policies(self.number(rest, EXPECTED)?),
            "application" => self.application(rest.parse().map_err(|_| self.wrong(EXPECTED))?),
            "officers" => self.officers(self.number(rest, EXPECTED)?),
            _ => Err(self.wrong(EXPECTED)),
        }
    }

    fn policies(&mut self, serial: u64) -> Result<Subject, StatementError> {
        const REPLACES: &str = "`replaces` and two SHA-256 or `nothing`";
        let policies = self.parsed("hash", "`hash` and a SHA-256")?;
        let environments = self.parsed("environments", "`environments` and a SHA-256")?;
        let replaces = match self.after("replaces", REPLACES)? {
            NOTHING => None,
            both => {
                let (policies, environments) = both.split_once(' ').ok_or(self.wrong(REPLACES))?;
                let hash = |text: &str| text.parse().map_err(|_| self.wrong(REPLACES));
                Some(PolicyHashes { policies: hash(policies)?, environments: hash(environments)? })
            }
        };
        let hashes = PolicyHashes { policies, environments };
        Ok(Subject::Policies(PolicyStatement { serial, hashes, replaces }))
    }

    fn application(&mut self, id: ApplicationId) -> Result<Subject, StatementError> {
        let name = self.plain("name", "`name` and an application's name")?;
        let role = self.parsed("role", "`role` and an application's role")?;
        let proof = self.plain("proof", "`proof` and `token` or a URI")?;
        let san_uri = if proof == TOKEN { None } else { Some(proof) };
        Ok(Subject::Application(ApplicationStatement { id, name, role, san_uri }))
    }

    fn officers(&mut self, serial: u64) -> Result<Subject, StatementError> {
        let mut officers: Vec<Officer> = Vec::new();
        while !self.left.is_empty() {
            let officer: Officer = self.parsed("officer", "`officer` and an officer's verification key")?;
            officers.push(officer);
        }
        Ok(Subject::Officers(Officers::new(serial, officers)?))
    }
}
