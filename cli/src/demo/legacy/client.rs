//! One fictitious client: who it is, how it lives, what it signed. Says nothing of columns.

use super::dice::Dice;
use super::names::{AVAILABILITY, DOMAINS, FAMILY, GIVEN, ILLNESSES, PHONES, PRODUCTS};

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Date {
    fn between(dice: &mut Dice, first: u32, last: u32) -> Self {
        // Every month has 28 days.
        Self { year: dice.between(first, last), month: dice.between(1, 12), day: dice.between(1, 28) }
    }

    /// `JJ/MM/AAAA`.
    pub(crate) fn french(self) -> String {
        format!("{:02}/{:02}/{:04}", self.day, self.month, self.year)
    }

    /// `AAAAMMJJ`.
    pub(crate) fn digits(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

/// A client.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) number: String,
    pub(crate) family: String,
    pub(crate) given: String,
    pub(crate) birth: Date,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) availability: &'static str,
    pub(crate) marketing: bool,
    pub(crate) tobacco: bool,
    pub(crate) alcohol: bool,
    pub(crate) illnesses: Vec<&'static str>,
    pub(crate) contracts: Vec<Contract>,
}

/// A contract.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contract {
    pub(crate) number: String,
    pub(crate) product: usize,
    pub(crate) start: Date,
    pub(crate) end: Option<Date>,
    pub(crate) status: &'static str,
    /// Whether its copy is a file beside the database instead of a value in it.
    pub(crate) in_file: bool,
}

impl Contract {
    /// The product's code and name.
    pub(crate) fn product(&self) -> (&'static str, &'static str) {
        PRODUCTS.get(self.product).copied().unwrap_or(("", ""))
    }
}

/// The client at a position, the same for a seed however many there are.
pub(crate) fn client(seed: u64, position: u64) -> Client {
    let mut dice = Dice::new(seed, position);
    let (family, given) = (dice.pick(FAMILY).to_owned(), dice.pick(GIVEN).to_owned());
    let email = if dice.chance(4) { String::new() } else { email(&mut dice, &given, &family, position) };
    let ill = dice.chance(22);
    Client {
        number: number(position),
        birth: Date::between(&mut dice, 1938, 2006),
        phone: phone(&mut dice),
        availability: dice.pick(AVAILABILITY),
        marketing: dice.chance(45),
        tobacco: dice.chance(25),
        alcohol: dice.chance(40),
        illnesses: if ill { illnesses(&mut dice) } else { Vec::new() },
        contracts: contracts(&mut dice, position),
        family,
        given,
        email,
    }
}

/// Eight digits, spread so that neighbours in the file are not neighbours in the key: a full-period
/// walk (48 271 shares no factor with 90 000 000), so numbers never repeat below 90 million clients.
pub(crate) fn number(position: u64) -> String {
    (10_000_000 + position.wrapping_mul(48_271) % 90_000_000).to_string()
}

fn email(dice: &mut Dice, given: &str, family: &str, position: u64) -> String {
    format!("{}.{}.{position}@{}", plain(given), plain(family), dice.pick(DOMAINS))
}

/// Lower case, letters only, without accents.
fn plain(name: &str) -> String {
    let letter = |c: char| match c {
        'à'..='å' => "a",
        'ç' => "c",
        'è'..='ë' => "e",
        'ì'..='ï' => "i",
        'ñ' => "n",
        'ò'..='ö' => "o",
        'ù'..='ü' => "u",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        _ => "",
    };
    name.to_lowercase().chars().fold(String::new(), |mut text, c| {
        if c.is_ascii_lowercase() {
            text.push(c);
        } else {
            text.push_str(letter(c));
        }
        text
    })
}

/// A number that belongs to nobody, in one of the ways in which people write numbers.
fn phone(dice: &mut Dice) -> String {
    let block = dice.pick(PHONES);
    let number = format!("{block} {:02} {:02}", dice.below(100), dice.below(100));
    match dice.below(10) {
        0 => String::new(),
        1 | 2 => number.replace(' ', ""),
        3 => number.replace(' ', "."),
        4 => number.replacen('0', "+33 ", 1),
        _ => number,
    }
}

fn illnesses(dice: &mut Dice) -> Vec<&'static str> {
    let mut found = Vec::new();
    for _ in 0..dice.between(1, 3) {
        let illness = dice.pick(ILLNESSES);
        if !found.contains(&illness) {
            found.push(illness);
        }
    }
    found
}

fn contracts(dice: &mut Dice, position: u64) -> Vec<Contract> {
    let count = match dice.below(100) {
        0..5 => 0,
        5..75 => 1,
        75..95 => 2,
        _ => 3,
    };
    (0..count).map(|rank| contract(dice, position, rank)).collect()
}

/// A contract of the client at a position; the number says both, so it is never given twice.
pub(crate) fn contract(dice: &mut Dice, position: u64, rank: u32) -> Contract {
    let start = Date::between(dice, 2005, 2025);
    let status = match dice.below(100) {
        0..68 => "V",
        68..72 => "S",
        72..75 => "P",
        75..92 => "R",
        _ => "X",
    };
    let ended = matches!(status, "R" | "X");
    let product = dice.below(u32::try_from(PRODUCTS.len()).unwrap_or(1)) as usize;
    Contract {
        number: format!("C{position:07}{rank}"),
        product,
        start,
        end: ended.then_some(Date { year: start.year + 1, ..start }),
        status,
        in_file: dice.chance(2),
    }
}
