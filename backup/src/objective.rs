//! Whether something is recent enough: its age, held against an objective. Pure. A moment that is well ahead of this clock
//! proves nothing: some clock was wrong, and until that moment has come it would hide that nothing follows it.

use coffre_core::time::{CLOCKS_APART_SECONDS, Timestamp};

/// Seconds since a moment. Negative if it is in the future; one that is hardly ahead was just now.
pub fn age(moment: Timestamp, now: Timestamp) -> i64 {
    let age = now.as_seconds() - moment.as_seconds();
    if is_in_future(age) { age } else { age.max(0) }
}

/// Whether this is the age of a moment in the future: a clock was wrong.
pub const fn is_in_future(age: i64) -> bool {
    age < -CLOCKS_APART_SECONDS
}

/// Whether an age is within an objective, both in seconds. A moment in the future is not.
pub const fn is_within(age: i64, objective_seconds: i64) -> bool {
    !is_in_future(age) && age <= objective_seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_the_future_is_not_within_and_two_clocks_may_differ_a_little() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        for (since, shown, within) in
            [(0, 0, true), (3_600, 3_600, true), (3_601, 3_601, false), (-300, 0, true), (-301, -301, false)]
        {
            let age = age(now.plus_seconds(-since), now);
            assert_eq!((age, is_within(age, 3_600)), (shown, within), "{since}");
            assert_eq!(is_in_future(age), since < -300);
        }
    }
}
