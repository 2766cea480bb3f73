//! The policy folder of the repository: what is compiled in is what is on disk; what is on a disk
//! and is no policy file is refused.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use coffre_core::role::Role;
use coffre_core::search::SearchKind;
use coffre_policies::{Comparison, Policies, Sources};
use tempfile::TempDir;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of the policy folder, to break.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in Sources::embedded().iter() {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn refusal(folder: &TempDir) -> String {
    let error = Policies::load(folder.path()).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn what_is_compiled_in_is_what_is_in_the_folder() {
    assert_eq!(Sources::embedded(), Sources::read(repository()).unwrap());
    assert_eq!(Policies::embedded().unwrap().hash(), Policies::load(copy().path()).unwrap().hash());
}

#[test]
fn every_binding_file_changes_the_hash_and_an_environment_does_not() {
    let sources = Sources::embedded();
    let hash = Policies::from_sources(&sources).unwrap().hash();
    for (file, text) in sources.iter() {
        let comment = if file.starts_with("cedar/") { "// one more line\n" } else { "# one more line\n" };
        let changed = Policies::from_sources(&sources.clone().with(file, &format!("{text}{comment}"))).unwrap();
        assert_eq!(changed.hash() == hash, file.starts_with("environments/"), "{file}");
    }
}

/// Each category may have a rule of its own, by its own law.
#[test]
fn what_another_rule_keeps_as_long_is_not_outlived() {
    let sources = Sources::embedded();
    let retention = sources.iter().find(|(file, _)| *file == "retention.toml").unwrap().1.to_owned();
    let rest = retention.replacen("categories = [\"contact\", \"contract\"", "categories = [\"contract\"", 1);
    assert_ne!(rest, retention);
    let with_own = |words: &str| {
        let own = format!(
            "[[longer]]\nrecord-type = \"policyholder\"\ncategories = [\"contact\"]\nfield = \"contract.product\"\n\
             others = \"contract.others\"\nwords = [{words}]\narchive = \"P30Y\"\nsource = {{ fr = \"fr\", en = \"en\" }}\n"
        );
        sources.clone().with("retention.toml", &format!("{rest}\n{own}"))
    };
    assert!(Policies::from_sources(&with_own("\"vie\", \"décès\"")).is_ok());
    let outlived = with_own("\"vie\", \"rente\"");
    let refused = Policies::from_sources(&outlived).unwrap_err().to_string();
    assert!(refused.contains("\"contact\" of \"policyholder\" is kept longer than \"contract.end_date\""), "{refused}");
    // An earlier version took them: what replaces them is compared with them.
    let former = Policies::former(&outlived).unwrap();
    assert!(!Comparison::between(&former, &Policies::embedded().unwrap()).is_same());
    let from_answers = retention.replacen("starts = \"contract-end\"", "starts = \"request-answered\"", 1)
        + "\n[requests]\nkeep = \"P0D\"\nsource = { fr = \"loi\", en = \"law\" }\n";
    let from_answers = sources.clone().with("retention.toml", &from_answers);
    assert!(Policies::from_sources(&from_answers).is_err());
    assert!(Policies::former(&from_answers).is_ok());
}

#[test]
fn a_file_that_would_not_be_read_is_refused() {
    for file in [
        "cedar/sales.cedar.bak",
        "cedar/other.cedarschema",
        "record-types/.toml",
        "record-types/notes.txt",
        "environments/old",
    ] {
        let folder = copy();
        fs::write(folder.path().join(file), "").unwrap();
        let expected =
            format!("{file} is not a policy file and would not be in force: rename it, or move it out of the folder");
        assert_eq!(refusal(&folder), expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = copy();
    fs::write(folder.path().join("purposes.toml"), b"# finalit\xe9s").unwrap();
    assert_eq!(refusal(&folder), "purposes.toml is not UTF-8 text: save it as UTF-8");
    fs::remove_file(folder.path().join("purposes.toml")).unwrap();
    assert_eq!(refusal(&folder), "cannot read purposes.toml: check that the policy folder is whole and readable");
    let folder = copy();
    fs::remove_dir_all(folder.path().join("cedar")).unwrap();
    assert_eq!(refusal(&folder), "cannot read cedar: check that the policy folder is whole and readable");
}

#[test]
fn what_the_folder_declares() {
    let policies = Policies::embedded().unwrap();
    let types: Vec<&str> = policies.record_types().map(|record_type| record_type.name().as_str()).collect();
    assert_eq!(types, ["merchant", "policyholder", "requester"]);
    let policyholder = policies.record_type("policyholder").unwrap();
    let special: Vec<&str> = policyholder.categories().iter().filter(|c| c.special).map(|c| c.name.as_str()).collect();
    assert_eq!(special, ["health"]);
    let indexes: Vec<(String, SearchKind)> =
        policyholder.indexes().into_iter().map(|index| (index.field.to_string(), index.kind)).collect();
    let expected = [
        ("contact.family_name", SearchKind::Name),
        ("contact.email", SearchKind::Exact),
        ("contact.phone", SearchKind::Phone),
        ("contract.number", SearchKind::Exact),
        ("contract.other_numbers", SearchKind::Exact),
        ("legacy.client_number", SearchKind::Exact),
    ];
    assert_eq!(indexes, expected.map(|(field, kind)| (field.to_owned(), kind)));
    assert!(policies.purposes().any(|purpose| purpose.roles.contains(&Role::Dpo)));
    assert_eq!(policies.retention().len(), 10);
    let hosts = |name: &str| {
        let environment = policies.environments().iter().find(|environment| environment.name.as_str() == name).unwrap();
        (environment.hosts.len(), environment.host("pwcbod41").is_some(), environment.host("PWCBOD41_213").is_some())
    };
    assert_eq!(hosts("bigmom-production"), (6, true, false));
    assert_eq!(hosts("bigmom-recette"), (6, false, true));
    assert_eq!(hosts("assureurs-engages"), (5, false, false));
}

#[test]
fn what_may_be_production_is_told_by_name_and_file() {
    let may = |policies: &Policies, name: &str| policies.may_be_production(&name.parse().unwrap());
    let embedded = Policies::embedded().unwrap();
    for name in ["production", "bigmom-production", "assureurs-engages", "other-production", "lyon", "contest"] {
        assert!(may(&embedded, name), "{name}");
    }
    for name in ["recette", "test", "demo", "bigmom-recette", "lyon-recette"] {
        assert!(!may(&embedded, name), "{name}");
    }
    let declared = |production: &str| {
        let text = format!("name = \"lyon\"\nlabels = {{ fr = \"Lyon\", en = \"Lyon\" }}\n{production}\nhost = []\n");
        Policies::from_sources(&Sources::embedded().with("environments/lyon.toml", &text)).unwrap()
    };
    for (production, expected) in [("", true), ("production = true", true), ("production = false", false)] {
        assert_eq!(may(&declared(production), "lyon"), expected, "{production}");
    }
}
