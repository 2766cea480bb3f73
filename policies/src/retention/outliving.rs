//! Whether what a category is kept by is kept as long as the category: once the date of an event, or the words that make an
//! archive longer, have gone with a category of their own, nothing tells how long the rest still has.

use coffre_core::record::FieldPath;
use time::Date;

use super::{LongerRule, RetentionRule};
use crate::keeping::after;

/// A rule that would outlive what it rests on, and the field that tells it.
pub(super) fn outliving<'r>(
    rules: &'r [RetentionRule],
    longer: &'r [LongerRule],
) -> Option<(&'r RetentionRule, &'r FieldPath)> {
    rules.iter().find_map(|rule| {
        let own =
            |longer: &&LongerRule| longer.record_type == rule.record_type && longer.categories.contains(&rule.category);
        let under = || longer.iter().filter(own).map(move |one| (one, wherever(longer, one)));
        let date = |said| Some((rule.dated_by.as_ref()?, said));
        let dates = std::iter::once(Vec::new()).chain(under().map(|(_, said)| said)).filter_map(date);
        let words = under()
            .flat_map(|(one, said)| std::iter::once(&one.field).chain(&one.others).map(move |f| (f, said.clone())));
        let outlived = |(field, said): &(&FieldPath, Vec<&LongerRule>)| {
            let keeps = |keeper: &&RetentionRule| {
                keeper.record_type == rule.record_type && keeper.category.as_str() == field.category_str()
            };
            let keeper = rules.iter().find(keeps);
            let is_date = rule.dated_by.as_ref() == Some(*field);
            keeper.is_some_and(|keeper| !suffices(keeper, rule, said, is_date))
        };
        dates.chain(words).find(outlived).map(|(field, _)| (rule, field))
    })
}

/// The rules whose words are said wherever those of one are: it, and others that look for its words where it does.
fn wherever<'r>(longer: &'r [LongerRule], one: &LongerRule) -> Vec<&'r LongerRule> {
    let looks_there = |other: &&LongerRule| {
        (&other.record_type, &other.field) == (&one.record_type, &one.field)
            && (one.others.is_none() || one.others == other.others)
            && one.words.iter().all(|word| other.words.contains(word))
    };
    longer.iter().filter(looks_there).collect()
}

/// Whether a category is kept at least as long as another one, where a record says the words of these rules.
fn suffices(keeper: &RetentionRule, rule: &RetentionRule, said: &[&LongerRule], is_date: bool) -> bool {
    if keeper.category == rule.category {
        return true;
    }
    // From different events it cannot be told; a date must not go before what counts from it.
    if keeper.starts != rule.starts {
        return !is_date;
    }
    lasts(keeper, said) >= lasts(rule, said)
}

/// The end of a rule that begins with the calendar.
fn lasts(rule: &RetentionRule, said: &[&LongerRule]) -> Date {
    let active = after(Date::MIN, rule.active);
    let own = said.iter().filter(|longer| longer.categories.contains(&rule.category)).map(|longer| longer.archive);
    own.chain(rule.archive).map(|archive| after(active, archive)).fold(active, Ord::max)
}
