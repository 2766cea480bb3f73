//! Foreign databases: what is recognised and refused, and what is read of those that open.

#[path = "plain/inspect.rs"]
mod inspect;
#[path = "plain/read.rs"]
mod read;
#[path = "plain/write.rs"]
mod write;
