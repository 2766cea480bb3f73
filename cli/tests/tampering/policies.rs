//! The policy folder that a vault with officers goes by: changed in any way, it is refused at the start, by whoever reads it
//! or because it is not what two officers signed last.

use std::fs;
use std::path::Path;

use crate::campaign::{Campaign, Found};
use crate::deed::{Deed, any_file};
use crate::dice::Dice;
use crate::evenings::{self, Evenings, Way};
use crate::officers::{Office, OfficeCopy};

/// A word or so: texts have no parts of one length.
const PART: usize = 16;
const SIGNED: &str = "nobody, since the policies are those that were signed";
/// The exit code of what officers have not approved.
const NOT_APPROVED: Option<i32> = Some(18);

/// Puts a policy folder in the place of the one that is there.
fn put_back(copy: &OfficeCopy, evening: &Path) {
    let policies = copy.path().join("policies");
    fs::remove_dir_all(&policies).expect("ours");
    evenings::copy(&evening.join("policies"), &policies, &|_| Way::Copied);
}

/// By whom it is found that the policies are others.
fn found(copy: &OfficeCopy) -> Found {
    let server = match copy.serve() {
        Ok(server) => server,
        Err(ended) if ended.code == NOT_APPROVED && ended.log.contains("officers approved last") => {
            return Found::By("what officers signed");
        }
        Err(ended) if ended.code == Some(2) && ended.log.contains("error: ") => return Found::By("reading the folder"),
        Err(ended) => return Found::Not(format!("{:?}: {}", ended.code, ended.log)),
    };
    let policies = copy.standing()["policies"].clone();
    server.stop();
    if ["policies", "environments"].iter().all(|hash| policies["loaded"][hash] == policies["in_force"][hash]) {
        return Found::By(SIGNED);
    }
    Found::Not(format!("it is served by others: {policies}"))
}

/// A file that was not there: one that is read, with the content of another one, or one that is not.
fn added(dice: &mut Dice, copy: &Path, policies: &Evenings) -> String {
    let names =
        ["cedar/zz.cedar", "record-types/zz.toml", "environments/zz.toml", "cedar/zz.txt", "retention.toml.old"];
    let name = Path::new("policies").join(names[dice.below(names.len())]);
    let files = policies.files("policies");
    let like = files.iter().filter(|file| file.parent() == name.parent() && file.extension() == name.extension());
    let like: Vec<_> = like.collect();
    let content = if like.is_empty() { b"nothing\n".to_vec() } else { policies.later(like[dice.below(like.len())]) };
    fs::write(copy.join(&name), content).expect("written");
    format!("{} is there", name.display())
}

/// Some files as they were before, which two officers had signed as well.
fn former(dice: &mut Dice, copy: &Path, policies: &Evenings) -> String {
    let share = [5, 30, 90][dice.below(3)];
    let mut files = policies.files("policies");
    let least = files[dice.below(files.len())].clone();
    files.retain(|file| *file == least || dice.percent(share));
    for file in &files {
        assert!(Deed::Earlier.done(policies, copy, file), "every file was another one");
    }
    format!("{} former files: {files:?}", files.len())
}

#[test]
fn policy_sets() {
    let office = Office::new();
    let (copy, policies) = (office.copy(), &office.policies);
    let files = policies.files("policies");
    let mut campaign = Campaign::begin("policy sets", 20, &["reading the folder", "what officers signed", SIGNED]);
    campaign.run(|dice| {
        put_back(&copy, policies.after.path());
        let what = match dice.below(10) {
            0 => added(dice, copy.path(), policies),
            1 | 2 => former(dice, copy.path(), policies),
            _ => {
                let file = any_file(dice, &files);
                let deed = Deed::any(dice, policies, file, &files, PART);
                if !deed.done(policies, copy.path(), file) {
                    return (format!("{} {deed:?}", file.display()), Found::Nothing);
                }
                format!("{} {deed:?}", file.display())
            }
        };
        (what, found(&copy))
    });
    put_back(&copy, policies.after.path());
    assert_eq!(found(&copy), Found::By(SIGNED), "it is served as before");
    campaign.end();
}

/// The policies that were in force before, those that wait for being handed in, and those built into `coffre`.
#[test]
fn policy_sets_that_were_or_will_be_signed() {
    let office = Office::new();
    let copy = office.copy();
    for set in [office.policies.before.path().to_owned(), copy.path().join("next")] {
        put_back(&copy, &set);
        assert_eq!(found(&copy), Found::By("what officers signed"), "{}", set.display());
    }
    put_back(&copy, office.policies.after.path());
    let file = copy.path().join("vault/coffre.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, text.replace("policies = \"../policies\"\n", "")).expect("ours");
    assert_eq!(found(&copy), Found::By("what officers signed"), "built into coffre");
}
