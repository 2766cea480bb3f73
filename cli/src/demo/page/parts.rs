//! Pieces that every part of the page is made of: headings, tables that scroll on narrow screens, verdicts, hashes.

use maud::{Markup, html};

/// A part of the page, for one reader.
pub(super) fn part(id: &str, part: &str, title: &str, lead: &str, content: &Markup) -> Markup {
    html! {
        section.part id=(id) aria-labelledby={ (id) "-title" } {
            header.part-head {
                p.overline { (part) }
                h2 id={ (id) "-title" } { (title) }
                p.lead { (lead) }
            }
            (content)
        }
    }
}

/// A chapter of a part.
pub(super) fn chapter(title: &str, content: &Markup) -> Markup {
    html! {
        section.chapter {
            h3 { (title) }
            (content)
        }
    }
}

/// A small table.
pub(super) fn table(caption: &str, content: &Markup) -> Markup {
    scrolling("scroll", caption, content)
}

/// A table of many columns.
pub(super) fn wide_table(caption: &str, content: &Markup) -> Markup {
    scrolling("scroll wide", caption, content)
}

/// A table that can be scrolled by keyboard where it is wider than the screen.
pub(super) fn scrolling(classes: &str, caption: &str, content: &Markup) -> Markup {
    html! {
        div class=(classes) tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                (content)
            }
        }
    }
}

/// A verdict: its sign says the same as its colour and its words.
pub(super) fn verdict(good: bool, text: &str) -> Markup {
    html! {
        p.verdict.good[good].bad[!good] {
            span.sign aria-hidden="true" { @if good { "✓" } @else { "✕" } }
            (text)
        }
    }
}

/// A hash in groups of eight digits, which can be compared by eye and break a line anywhere between them.
pub(super) fn hash(text: &str) -> Markup {
    let groups = text.as_bytes().chunks(8).map(|group| String::from_utf8_lossy(group));
    html! { code.hash { @for group in groups { span { (group) } wbr; } } }
}

/// Names and their facts.
pub(super) fn definitions(rows: &[(String, Markup)]) -> Markup {
    html! {
        dl {
            @for (name, fact) in rows {
                div { dt { (name) } dd { (fact) } }
            }
        }
    }
}
