//! The demonstration: the whole way of a record, with fictitious data. What it tells is computed, never written down.

pub(crate) mod legacy;
