//! Figures as people read them: bytes, ages, moments.

use coffre_backup::objective;
use coffre_core::time::Timestamp;

/// `1.5 MB`: powers of ten, as disks and networks count.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// `3 min`, `2 h 5 min`, `4 d 1 h`: the two largest units.
pub(crate) fn age(seconds: i64) -> String {
    let minutes = seconds / 60;
    let (hours, days) = (minutes / 60, minutes / 60 / 24);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// `2 h 5 min old`; of a moment in the future no age is known.
pub(crate) fn old(age_seconds: i64) -> String {
    if objective::is_in_future(age_seconds) {
        return "in the future: a clock was wrong".to_owned();
    }
    format!("{} old", age(age_seconds))
}

/// `2026-11-22 15:32:00 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(clock)) => format!("{day} {clock} UTC"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_their_two_largest_units() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_500, "2 h 5 min"), (349_200, "4 d 1 h")]
        {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn what_is_in_the_future_has_no_age() {
        assert_eq!(old(7_500), "2 h 5 min old");
        assert_eq!(old(-7_500), "in the future: a clock was wrong");
    }

    #[test]
    fn a_moment_is_in_utc() {
        assert_eq!(moment(Timestamp::from_micros(0)), "1970-01-01 00:00:00 UTC");
    }
}
