//! The policy folder of this repository, compiled in, so that the binary decides wherever it runs.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../", $path)))),*]
    };
}

/// Path in the policy folder and text. A test compares the list with the folder.
pub(crate) const FILES: &[(&str, &str)] = files![
    "cedar/contact.cedar",
    "cedar/granted-reads.cedar",
    "cedar/legal.cedar",
    "cedar/oversight.cedar",
    "cedar/purposes.cedar",
    "cedar/requests.cedar",
    "cedar/restriction.cedar",
    "cedar/retention.cedar",
    "cedar/rights.cedar",
    "cedar/schema.cedarschema",
    "cedar/sealing.cedar",
    "cedar/special-categories.cedar",
    "cedar/test-data.cedar",
    "environments/assureurs-engages.toml",
    "environments/bigmom-production.toml",
    "environments/bigmom-recette.toml",
    "purposes.toml",
    "record-types/merchant.toml",
    "record-types/policyholder.toml",
    "record-types/requester.toml",
    "retention.toml",
];
