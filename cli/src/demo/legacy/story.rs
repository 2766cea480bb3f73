//! The clients that the demonstration tells about: the first few, made by hand, the same for every seed.

use super::client::{Client, Contract, Date, client, number};

/// Who plays which part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Story {
    /// The client that Legal looks for: ill, with a contract in force and a consent to marketing.
    pub(crate) sought: String,
    /// How her family name is really written.
    pub(crate) family_name: &'static str,
    /// How Legal misspells it.
    pub(crate) misspelt: &'static str,
    /// Other clients who must be among the hits, because their names are written or sound the same.
    pub(crate) homonyms: Vec<String>,
}

/// Family name, given name, birth, marketing.
const CAST: [(&str, &str, Date, bool); 4] = [
    ("Lefèvre", "Hélène", Date { year: 1971, month: 3, day: 14 }, true),
    ("Lefebvre", "Hélène", Date { year: 1958, month: 11, day: 2 }, false),
    ("Lefèvre", "Hélène", Date { year: 1999, month: 7, day: 23 }, false),
    ("Le Fèvre", "Jean-Baptiste", Date { year: 1966, month: 1, day: 9 }, true),
];

/// The story for so many clients.
pub(crate) fn story(clients: u64) -> Story {
    let present = (1..CAST.len() as u64).take_while(|position| *position < clients);
    Story { sought: number(0), family_name: "Lefèvre", misspelt: "Lefaivre", homonyms: present.map(number).collect() }
}

/// The client at a position, with a part in the story if it is one of the first.
pub(crate) fn told(seed: u64, position: u64) -> Client {
    let mut drawn = client(seed, position);
    let part = usize::try_from(position).ok().and_then(|position| CAST.get(position));
    let Some((family, given, birth, marketing)) = part else { return drawn };
    (drawn.family, drawn.given) = ((*family).to_owned(), (*given).to_owned());
    (drawn.birth, drawn.marketing) = (*birth, *marketing);
    drawn.email = format!("cliente.{position}@example.fr");
    drawn.phone = format!("06 39 98 00 {position:02}");
    if position == 0 {
        drawn.illnesses = vec!["asthme", "diabète de type 2"];
        drawn.contracts = vec![current(), former()];
    }
    drawn
}

fn current() -> Contract {
    let start = Date { year: 2019, month: 4, day: 1 };
    Contract { number: "C00000000".to_owned(), product: 2, start, end: None, status: "V", in_file: false }
}

fn former() -> Contract {
    let (start, end) = (Date { year: 2008, month: 9, day: 15 }, Some(Date { year: 2019, month: 3, day: 31 }));
    Contract { number: "C00000001".to_owned(), product: 0, start, end, status: "R", in_file: false }
}
