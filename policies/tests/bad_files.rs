//! Everything that can be wrong with a policy folder is refused with file, line and remedy. Each
//! snapshot shows one family of messages, as people see them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;

use coffre_policies::{Policies, Sources};

const POLICYHOLDER: &str = "record-types/policyholder.toml";

/// One change to the folder that is known to be good.
struct Change {
    file: &'static str,
    find: &'static str,
    replace: &'static str,
}

const fn change(file: &'static str, find: &'static str, replace: &'static str) -> Change {
    Change { file, find, replace }
}

/// The message for each change, in a list.
fn messages(changes: &[Change]) -> String {
    let mut messages = String::new();
    for Change { file, find, replace } in changes {
        let sources = Sources::embedded();
        let text = sources.iter().find(|(name, _)| name == file).map(|(_, text)| text.to_owned()).unwrap_or_default();
        assert!(find.is_empty() || text.contains(find), "{file} does not hold {find:?}");
        let broken = if find.is_empty() { text + replace } else { text.replacen(find, replace, 1) };
        let refusal = Policies::from_sources(&sources.with(file, &broken)).map(|_| format!("accepted: {replace:?}"));
        writeln!(messages, "{}", without_guess(&refusal.unwrap_err().to_string())).unwrap();
    }
    messages
}

/// Cedar suggests one of several similar names, not always the same one.
fn without_guess(message: &str) -> String {
    let Some((before, rest)) = message.split_once(" (did you mean `") else { return message.to_owned() };
    let after = rest.split_once("`?)").map_or("", |(_, after)| after);
    format!("{before}{after}")
}

#[test]
fn record_types() {
    let p = POLICYHOLDER;
    let messages = messages(&[
        change(p, "kind = \"flag\"", "kind = \"boolean\""),
        change(p, "kind = \"flag\"", "kind = 3"),
        change(p, "kind = \"flag\"", "knid = \"flag\""),
        change(p, "kind = \"flag\"\n", ""),
        change(p, "kind = \"flag\"", "kind = \"flag"),
        change(p, "labels = { fr = \"nom\", en = \"family name\" }\n", ""),
        change(p, "{ fr = \"nom\", en = \"family name\" }", "{ fr = \"nom\" }"),
        change(p, "{ fr = \"nom\", en = \"family name\" }", "{ fr = \"nom\", en = \" \" }"),
        change(p, "{ fr = \"nom\", en = \"family name\" }", "{ fr = \"nom\", en = \"name\", de = \"Name\" }"),
        change(p, "special = true\n\n[[category]]", "specail = true\n\n[[category]]"),
        change(p, "name = \"policyholder\"", "name = \"policy holder\""),
        change(p, "name = \"policyholder\"", "name = \"client\""),
        change(p, "name = \"lifestyle\"", "name = \"Lifestyle\""),
        change(p, "name = \"lifestyle\"", "name = \"contact\""),
        change(p, "", "\n[[category]]\nname = \"family\"\nlabels = { fr = \"famille\", en = \"family\" }\n"),
        change(p, "\"contact.phone\"", "\"phone\""),
        change(p, "\"contact.phone\"", "\".phone\""),
        change(p, "\"contact.phone\"", "\"contact.Phone\""),
        change(p, "\"contact.phone\"", "\"contact.email\""),
        change(p, "\"contact.phone\"", "\"contcat.phone\""),
        change(p, "max-length = 100\n", ""),
        change(p, "max-length = 100\n", "max-length = 0\n"),
        change(p, "max-length = 100\n", "max-length = 1000000\n"),
        change(p, "kind = \"email\"", "kind = \"email\"\nmax-length = 10"),
        change(p, "kind = \"flag\"", "kind = \"flag\"\nmax-items = 10"),
        change(p, "kind = \"flag\"", "kind = \"flag\"\nof = \"text\""),
        change(p, "kind = \"flag\"", "kind = \"flag\"\nvalues = []"),
        change(p, "kind = \"flag\"", "kind = \"choice\""),
        change(p, "kind = \"flag\"", "kind = \"choice\"\nvalues = []"),
        change(p, "name = \"draft\"", "name = \"active\""),
        change(p, "name = \"draft\"", "name = \"en préparation\""),
        change(p, "fr = \"en préparation\"", "fr = \"\""),
        change(p, "of = \"text\"\n", ""),
        change(p, "of = \"text\"", "of = \"list\""),
        change(p, "max-items = 50\n", ""),
        change(p, "search = \"name\"", "search = \"fuzzy\""),
        change(p, "kind = \"email\"\nsearch = \"exact\"", "kind = \"email\"\nsearch = \"name\""),
        change(p, "kind = \"flag\"", "kind = \"flag\"\nsearch = \"exact\""),
        change(p, "kind = \"flag\"", "kind = \"flag\"\nsearch = \"name\""),
        change(p, "max-items = 50", "max-items = 50\nsearch = \"exact\""),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn purposes() {
    let p = "purposes.toml";
    let messages = messages(&[
        change(p, "name = \"underwriting\"", "name = \"Under writing\""),
        change(p, "name = \"underwriting\"", "name = \"contract-administration\""),
        change(p, "fr = \"souscription\"", "fr = \"\""),
        change(p, "description.en = \"To answer a client who calls or writes.\"", "description.en = \" \""),
        change(p, "description.en = \"To answer a client who calls or writes.\"\n", ""),
        change(p, "https://w3id.org/dpv#DirectMarketing", "https://example.org/marketing"),
        change(p, "https://w3id.org/dpv#DirectMarketing", "https://w3id.org/dpv#"),
        change(p, "article-6 = \"consent\"", "article-6 = \"permission\""),
        change(p, "article-9 = [\"a\", \"f\"]", "article-9 = [\"a\", \"k\"]"),
        change(p, "article-9 = []\n", ""),
        change(p, "roles = [\"sales\"]", "roles = [\"salse\"]"),
        change(p, "roles = [\"sales\"]", "roles = []"),
        change(p, "roles = [\"sales\"]", "roles = [\"sales\"]\nowner = \"marketing\""),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn retention() {
    let r = "retention.toml";
    let messages = messages(&[
        change(r, "record-type = \"merchant\"", "record-type = \"merchants\""),
        change(r, "category = \"lifestyle\"", "category = \"habits\""),
        change(r, "category = \"lifestyle\"", "category = \"health\""),
        change(r, "category = \"lifestyle\"", "category = \"contact\""),
        change(r, "starts = \"contract-end\"", "starts = \"someday\""),
        change(r, "active = \"P13M\"", "active = \"13 months\""),
        change(r, "active = \"P13M\"\n", ""),
        change(r, "(general limitation period)\"\n\n[[rule]]", "\"\nreviewed = 2026\n\n[[rule]]"),
        change(
            r,
            "source.en = \"French insurance code, article L114-1 (two-year limitation period)\"",
            "source.en = \"\"",
        ),
        change(
            POLICYHOLDER,
            "[[field]]\npath = \"contact.given_name\"",
            "[[category]]\nname = \"family\"\nlabels = { fr = \"famille\", en = \"family\" }\n\n[[field]]\npath = \"family.children\"\nlabels = { fr = \"enfants\", en = \"children\" }\nkind = \"flag\"\n\n[[field]]\npath = \"contact.given_name\"",
        ),
        change(r, "field = \"contract.end_date\"", "field = \"contract.number\""),
        change(r, "event = \"contract-end\"", "event = \"last-contact\""),
        change(r, "opposes-erasure = \"legal-claims\"", "opposes-erasure = \"custom\""),
        change(r, "starts = \"last-contact\"", "starts = \"contract-end\""),
        change(r, "starts = \"last-contact\"", "starts = \"request-answered\""),
        change(
            r,
            "",
            "\n[[event]]\nrecord-type = \"policyholder\"\nevent = \"contract-end\"\nfield = \"contract.start_date\"\n",
        ),
        change(
            r,
            "",
            "\n[[prospect]]\nrecord-type = \"merchant\"\nstarts = \"collection\"\nactive = \"P1Y\"\nsource = { fr = \"loi\", en = \"law\" }\n",
        ),
        change(r, "field = \"contract.product\"", "field = \"contract.start_date\""),
        change(r, "others = \"contract.others\"", "others = \"contract.number\""),
        change(r, "words = [\"vie\", \"life\"", "words = [\"assurance vie\""),
        change(r, "categories = [\"contact\", \"contract\"", "categories = [\"contact\", \"kontrakt\""),
        change(r, "archive = \"P10Y\"\nopposes-erasure = \"legal-obligation\"", "archive = \"P4Y\""),
        change(r, "categories = [\"contact\", \"contract\", \"legacy\"]", "categories = [\"contact\"]"),
        change(r, "keep = \"P12M\"", "keep = \"P3Y\""),
        change(r, "keep = \"P12M\"", "keep = \"P12M1D\"\njustification = { fr = \"contentieux\", en = \"\" }"),
        change(r, "", "\n[requests]\nkeep = \"P5Y\"\nsource = { fr = \"\", en = \"law\" }\n"),
        change(r, "", "\n[requests]\nkeep = \"P0D\"\nsource = { fr = \"loi\", en = \"law\" }\n"),
        change(r, "starts = \"contract-end\"", "starts = \"request-answered\""),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn environments() {
    let e = "environments/bigmom-recette.toml";
    let messages = messages(&[
        change(e, "name = \"bigmom-recette\"", "name = \"Bigmom recette\""),
        change(e, "name = \"bigmom-recette\"", "name = \"recette\""),
        change(e, "name = \"SRVTPEB1\"", "name = \"SRV TPEB1\""),
        change(e, "name = \"SRVTPEB1\"", "name = \"srvtpe41\""),
        change(e, "name = \"SRVTPEB1\"", "name = \"SRVEXPA1\""),
        change(e, "name = \"sitpe\"", "name = \"members\""),
        change(e, "record-type = \"merchant\"", "record-type = \"member\""),
        change(e, "fr = \"Bigmom, recette\"", "fr = \"\""),
        change(e, "fr = \"adhérents AMEX et JCB\"", "fr = \"\""),
        change(e, "[[host]]", "[[hosts]]"),
        change(e, "production = false", "production = \"no\""),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn cedar_policies() {
    let p = "cedar/oversight.cedar";
    let messages = messages(&[
        change(p, "action == Action::\"list-grants\"", "action == Action::\"list-grant\""),
        change(p, "principal in Role::\"dpo\"", "principal in Role::\"officer\""),
        change(p, "principal in Role::\"dpo\"", "principal in Rank::\"dpo\""),
        change(p, "principal in Role::\"dpo\",", "principal in Role::\"dpo\""),
        change(p, "principal in Role::\"dpo\"", "principal in ?principal"),
        change(p, "@id(\"dpo-lists-grants\")\n", ""),
        change(p, "@id(\"dpo-lists-grants\")", "@id(\"DPO lists grants\")"),
        change(p, "@id(\"dpo-lists-grants\")", "@id(\"dpo-consults-the-log\")"),
        change(p, "@id(\"dpo-lists-grants\")", "@id(\"sales-never-health\")"),
        change(p, "@id(\"dpo-lists-grants\")", "@id(\"dpo-lists-grants\")\n@reason(\"restricted\")"),
        change(p, "@id(\"dpo-lists-grants\")", "@id(\"dpo-lists-grants\")\n@owner(\"dpo\")"),
        change(p, "@reason(\"never-for-role\")\n", ""),
        change(p, "@reason(\"never-for-role\")", "@reason(\"no-grant\")"),
        change(p, "@reason(\"never-for-role\")", "@reason(\"because\")"),
        change(
            p,
            "@description_en(\"The data protection officer lists grants, to check on what each access rests.\")\n",
            "",
        ),
        change(
            p,
            "@description_fr(\"Le délégué à la protection des données liste les habilitations, pour vérifier sur quoi repose chaque accès.\")",
            "@description_fr(\" \")",
        ),
        change("cedar/restriction.cedar", "context.restricted", "context.restrained"),
        change("cedar/restriction.cedar", "context.restricted", "context.restricted == \"yes\""),
        change("cedar/restriction.cedar", "Purpose::\"legal-defence\"", "Purpose::\"legal-defense\""),
        change("cedar/granted-reads.cedar", "    context has grant &&\n", ""),
        change("cedar/granted-reads.cedar", "GrantState::\"valid\"", "GrantState::\"Valid\""),
        change(
            "cedar/special-categories.cedar",
            "when { resource.special };",
            "when { resource in Category::\"policyholder/helth\" };",
        ),
        change(
            "cedar/legal.cedar",
            "",
            "\n@id(\"never\")\n@description_en(\"n\")\n@description_fr(\"n\")\npermit (principal, action, resource) when { false };\n",
        ),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn cedar_schema() {
    let s = "cedar/schema.cedarschema";
    let messages = messages(&[
        change(s, "entity Log;", "entity Log"),
        change(s, "entity Log;", "entity Log; entity Log;"),
        change(s, "special: Bool", "special: Boolean"),
        change(
            s,
            "action \"read-accesses\" in [\"consult-log\"] appliesTo { principal: Application, resource: RecordType, context: Circumstances };\n",
            "",
        ),
        change(
            s,
            "",
            "\naction \"publish\" in [\"disclose-content\"] appliesTo { principal: Application, resource: Log, context: Circumstances };\n",
        ),
        change(s, "\"dpo\", \"backup\"]", "\"dpo\", \"backups\"]"),
        change(s, "\"i\", \"j\"]", "\"i\"]"),
        change(s, "\"expired\", \"withdrawn\"]", "\"expired\"]"),
        change(s, "entity RecordType;", "entity RecordType { owner: String };"),
        change(s, "    restricted: Bool,", "    restricted: Bool, region: String,"),
    ]);
    insta::assert_snapshot!(messages);
}

#[test]
fn missing_files() {
    let mut messages = String::new();
    for file in ["purposes.toml", "retention.toml", "cedar/schema.cedarschema"] {
        let error = Policies::from_sources(&Sources::embedded().without(file)).unwrap_err();
        writeln!(messages, "{error}").unwrap();
    }
    insta::assert_snapshot!(messages);
}
