//! Acts that take two operators: one proposes, another one confirms. Whether two names are two people
//! is all that is told here; what they may do is for the policies.

use crate::audit::OperatorKnown;

/// An operator, and how the vault knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOperator {
    /// The identifier.
    pub name: String,
    /// How it is known.
    pub known: OperatorKnown,
}

impl KnownOperator {
    /// Whether this operator may confirm what another one proposed: somebody else, and known no less
    /// surely. Spellings that differ in case alone are one person.
    pub fn may_confirm(&self, proposer: &Self) -> bool {
        let weaker = proposer.known == OperatorKnown::Verified && self.known != OperatorKnown::Verified;
        !weaker && !self.name.eq_ignore_ascii_case(&proposer.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, known: OperatorKnown) -> KnownOperator {
        KnownOperator { name: name.to_owned(), known }
    }

    #[test]
    fn two_are_two_people() {
        use OperatorKnown::{Asserted, Verified};
        for (first, second, two) in [
            (operator("a.martin", Asserted), operator("b.durand", Asserted), true),
            (operator("a.martin", Asserted), operator("a.martin", Asserted), false),
            (operator("a.martin", Asserted), operator("A.Martin", Asserted), false),
            (operator("a.martin", Asserted), operator("a.martin", Verified), false),
            (operator("a.martin", Asserted), operator("b.durand", Verified), true),
            // Or one verified operator and a name that an application makes up would be enough.
            (operator("a.martin", Verified), operator("b.durand", Asserted), false),
            (operator("a.martin", Verified), operator("b.durand", Verified), true),
        ] {
            assert_eq!(second.may_confirm(&first), two, "{first:?}, {second:?}");
        }
    }
}
