//! What makes a text an e-mail address, a phone number or a date: pure checks, shared by the
//! validation of records and by the import of legacy rows. No fault ever repeats the value.

pub mod date;
pub mod email;
pub mod phone;
