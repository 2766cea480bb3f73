//! The coffre binary.
fn main() {}
