//! Copies of the log, as auditors keep them: changed, and older than a head that is known from elsewhere.

use crate::campaign::{Campaign, Found};
use crate::deed::{Deed, any_file};
use crate::evenings::{self, Way};
use crate::house::House;

/// Entries and hashes have no parts of one length.
const PART: usize = 32;
const OTHER_KEY: &str = "audit verify, as another key's";
const MISSING: &str = "audit verify, as no copy of a log";

#[test]
fn copies_of_the_log() {
    let house = House::get();
    let files = house.files("log");
    let verify = ["audit", "verify", "--copy", "log", "--known-head", "head"];
    let (code, told) = house.of_those(&["log", "head", "coffre.toml"]).run(&verify);
    assert_eq!(code, 0, "as it was it is sound: {told}");
    let mut campaign = Campaign::begin("copies of the log", 30, &["audit verify", OTHER_KEY, MISSING]);
    campaign.run(|dice| {
        let file = any_file(dice, &files);
        let deed = Deed::any(dice, &house.evenings, file, &files, PART);
        let what = format!("{} {deed:?}", file.display());
        let copy = house.of_those(&["log", "head", "coffre.toml"]);
        if !deed.done(&house.evenings, copy.path(), file) {
            return (what, Found::Nothing);
        }
        let found = match copy.run(&verify) {
            (12, _) => Found::By("audit verify"),
            (15, told) if told.contains("the note is not signed by") => Found::By(OTHER_KEY),
            (1, told) if told.contains("the copy has no file") => Found::By(MISSING),
            (code, told) => Found::Not(format!("{code}: {told}")),
        };
        (what, found)
    });
    campaign.end();
}

/// The whole copy of the day before is as authentic as any: who knows a newer head finds it.
#[test]
fn a_copy_of_the_day_before() {
    let house = House::get();
    let copy = house.of_those(&["head", "coffre.toml"]);
    evenings::copy(&house.evenings.before.path().join("log"), &copy.path().join("log"), &|_| Way::Copied);
    let (code, told) = copy.run(&["audit", "verify", "--copy", "log", "--known-head", "head"]);
    assert_eq!(code, 12, "{told}");
    assert!(told.contains("the log went back"), "{told}");
}
