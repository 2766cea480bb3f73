//! What is printed: read back where it is read, complete, and loading nothing.

#![expect(clippy::unwrap_used, reason = "tests")]
use std::collections::BTreeMap;

use coffre_core::crypto::{Entropy, SecretKey};
use coffre_core::day::Day;
use coffre_core::key_share::{Parts, SharePage, VaultMark, split};
use coffre_core::time::Timestamp;

use super::kit::{Kit, Whereabouts};
use super::share_page::{VaultFacts, page};
use crate::configuration::Printed;
use crate::language::Language;

struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(0x5A);
    }
}

fn vault() -> VaultFacts {
    let key = coffre_core::note::SigningKey::from_seed(
        coffre_core::note::KeyName::new("coffre/production/07070707-0707-4707-8707-070707070707").unwrap(),
        &[7; 32],
    );
    VaultFacts {
        environment: "production".into(),
        vault: "07070707-0707-4707-8707-070707070707".into(),
        verification_key: key.verification_key().to_string(),
        recipient: Some("age1t7r8fqz6x9w2k5v4m3n0c8l7j6h5g4f3d2s1a0p9o8i7u6y5t4r3e2w1q".into()),
        made: Day::of(Timestamp::from_micros(1_795_651_200_000_000)),
    }
}

fn whereabouts() -> Whereabouts {
    let place = |name: &str, place: &str, credential: &str| Printed {
        name: name.into(),
        place: place.into(),
        credential: credential.into(),
        section: format!("[[backup.destination]]\nname = \"{name}\"\npath = \"/mnt/{name}\"\n"),
    };
    Whereabouts {
        destinations: vec![
            place("building-b", "/mnt/building-b", ""),
            place("cloud", "https://s3.example.net coffre/", "cloud.credentials"),
        ],
        repository: Some(Printed {
            section: String::new(),
            ..place("restic", "rest:https://backup@restic.example.net/coffre", "")
        }),
        policies: false,
    }
}

fn named(language: Language) -> &'static str {
    language.pick("fr", "en")
}

#[test]
fn a_share_is_printed_for_its_holder_and_read_back() {
    let vault = vault();
    let mark = VaultMark::of(&vault.verification_key.parse().unwrap());
    let shares = split(&SecretKey::from_bytes(&[9; 32]), Parts::new(2, 3).unwrap(), mark, &mut Zeros).unwrap();
    for language in [Language::French, Language::English] {
        for (share, holder) in shares.iter().zip(["Service juridique", "<DPO> & \"co\"", ""]) {
            let paper = page(share, holder, &vault, language);
            let (text, html) = (paper.to_text(), paper.to_html());
            let read = SharePage::read(&text).unwrap();
            assert_eq!(read.share, *share);
            assert_eq!(read.holder.unwrap_or_default(), holder);
            // Every group of the code is on the page to print, in its order.
            let groups: Vec<String> = share
                .to_lines()
                .iter()
                .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
                .collect();
            let mut rest = html.as_str();
            for group in groups {
                rest = rest.split_once(&format!("<span>{group}</span>")).unwrap().1;
            }
            loads_nothing(&html);
        }
        let shown = page(shares.first().unwrap(), "Legal", &vault, language).to_text();
        insta::assert_snapshot!(format!("share_{}", named(language)), shown.as_str());
    }
}

/// Nothing of a page comes from elsewhere, and nothing runs in it.
fn loads_nothing(html: &str) {
    for forbidden in ["src=", "href=", "url(", "@import", "<script", "<link", "http-equiv"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_kit_says_who_where_and_how_and_holds_no_secret() {
    let (vault, whereabouts) = (vault(), whereabouts());
    let holders = ["Service juridique".to_owned(), "DPO".to_owned(), String::new()];
    let keepers = [("restic".to_owned(), "Claire Fontaine".to_owned())].into();
    let kit = Kit {
        vault: &vault,
        parts: Parts::new(2, 3).unwrap(),
        holders: &holders,
        whereabouts: &whereabouts,
        keepers: &keepers,
    };
    for language in [Language::French, Language::English] {
        let paper = kit.paper(language);
        insta::assert_snapshot!(format!("kit_{}", named(language)), paper.to_text().as_str());
        loads_nothing(&paper.to_html());
    }
    let bare = Kit { whereabouts: &Whereabouts::default(), keepers: &BTreeMap::default(), ..kit };
    assert!(bare.paper(Language::English).to_text().contains("restore --from DESTINATION"));
    // What else the machine needs that restores: policies of the vault's own, and what opens the repository's back end.
    let section = "[backup.restic]\n".to_owned();
    let repository = whereabouts.repository.clone().map(|repository| Printed { section, ..repository });
    let more = Whereabouts { destinations: Vec::new(), repository, policies: true };
    let own = Kit { whereabouts: &more, ..bare };
    for (language, remark) in [(Language::French, "Ôtez"), (Language::English, "First take")] {
        let text = own.paper(language).to_text();
        let named = text.matches("policies").count();
        assert!(text.contains("\n      policies = \"policies\"\n") && named > 2, "{}", text.as_str());
        assert!(text.contains("\n      # [backup.restic]\n") && text.contains(remark), "{}", text.as_str());
    }
}
