//! One article: front matter in TOML between `+++` lines, then sections that begin with `##`.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};
use sidetone_types::{ContentError, Lang};
use std::collections::BTreeSet;

/// Who may be shown an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Caller,
    Agent,
    Both,
}

impl Audience {
    /// Whether an article for `self` may be shown to `reader`. `Both` as a reader means anyone.
    pub fn allows(self, reader: Self) -> bool {
        self == Self::Both || reader == Self::Both || self == reader
    }
}

/// A part of an article that answers something by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub heading: String,
    /// Plain text; paragraphs and list items on lines of their own.
    pub text: String,
    /// Line of the heading, from 1.
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// `refunds/how-long`, the same in both languages.
    pub id: String,
    pub title: String,
    pub owner: String,
    /// ISO 8601 dates.
    pub updated: String,
    pub review_by: String,
    pub audience: Audience,
    pub lang: Lang,
    pub sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    id: String,
    title: String,
    owner: String,
    updated: String,
    review_by: String,
    audience: Audience,
}

/// Reads an article. `file` is its path under the knowledge folder, `zh-CN/refunds/how-long.md`;
/// language and number are checked against it.
pub fn check_text(file: &str, text: &str) -> Result<Article, ContentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fault = |line: Option<u32>, reason: String, hint: &str| ContentError {
        file: file.to_owned(),
        line,
        reason,
        hint: hint.to_owned(),
    };
    let (lang, id) = place(file).ok_or_else(|| {
        fault(
            None,
            "the file is not at <language>/<topic>/<name>.md".into(),
            "put it under zh-CN or en, in a topic's folder",
        )
    })?;
    let (matter, body, body_line) = split(text).map_err(|(line, reason)| {
        fault(Some(line), reason, "the file begins with a line +++, then id, title, owner, updated, review_by, audience, then a line +++")
    })?;
    let front: FrontMatter = toml::from_str(matter).map_err(|e| {
        let line = e.span().map(|span| 2 + newlines(matter, span.start));
        fault(
            line,
            e.message().to_owned(),
            "front matter is TOML: name = \"value\", one a line",
        )
    })?;
    let line_of = |name: &str| {
        let at = matter
            .lines()
            .position(|l| l.trim_start().starts_with(name));
        at.map(|at| at as u32 + 2)
    };
    if front.id != id {
        let reason = format!("the id is {:?} and the file's place says {id:?}", front.id);
        return Err(fault(
            line_of("id"),
            reason,
            "make them the same; both languages share one id",
        ));
    }
    if front.title.trim().is_empty() {
        return Err(fault(
            line_of("title"),
            "the title is empty".into(),
            "callers and agents see it",
        ));
    }
    for (name, date) in [("updated", &front.updated), ("review_by", &front.review_by)] {
        if !is_date(date) {
            let reason = format!("{name} is {date:?}, which is no date");
            return Err(fault(line_of(name), reason, "write it as 2026-11-02"));
        }
    }
    if front.review_by < front.updated {
        let reason = "review_by is before updated".to_owned();
        return Err(fault(
            line_of("review_by"),
            reason,
            "set the day by which somebody reads it again",
        ));
    }
    let sections = sections(body, body_line)
        .map_err(|(line, reason, hint)| fault(Some(line), reason, hint))?;
    Ok(Article {
        id,
        title: front.title,
        owner: front.owner,
        updated: front.updated,
        review_by: front.review_by,
        audience: front.audience,
        lang,
        sections,
    })
}

/// Language and id from `zh-CN/refunds/how-long.md`.
fn place(file: &str) -> Option<(Lang, String)> {
    let mut parts = file.split('/');
    let locale = parts.next()?;
    let lang = Lang::ALL.into_iter().find(|lang| lang.locale() == locale)?;
    let (topic, name) = (parts.next()?, parts.next()?.strip_suffix(".md")?);
    let fine = parts.next().is_none() && !topic.is_empty() && !name.is_empty();
    fine.then(|| (lang, format!("{topic}/{name}")))
}

/// Front matter, body, and the line on which the body begins.
fn split(text: &str) -> Result<(&str, &str, u32), (u32, String)> {
    let is_fence = |line: &str| line.trim_end() == "+++";
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    if !is_fence(first) {
        return Err((1, "the front matter is missing".into()));
    }
    let begins = first.len();
    let mut at = begins;
    for (number, line) in lines.enumerate() {
        if is_fence(line) {
            return Ok((
                &text[begins..at],
                &text[at + line.len()..],
                number as u32 + 3,
            ));
        }
        at += line.len();
    }
    Err((1, "the front matter has no end".into()))
}

type Fault = (u32, String, &'static str);

fn sections(body: &str, body_line: u32) -> Result<Vec<Section>, Fault> {
    let mut reader = Reader::default();
    for (event, bytes) in Parser::new(body).into_offset_iter() {
        reader.take(event, body_line + newlines(body, bytes.start))?;
    }
    reader.close()?;
    let mut seen = BTreeSet::new();
    for section in &reader.done {
        if !seen.insert(section.heading.as_str()) {
            let reason = format!("the heading {:?} occurs twice", section.heading);
            return Err((
                section.line,
                reason,
                "cards and links name a section by its heading",
            ));
        }
    }
    if reader.done.is_empty() {
        return Err((
            body_line,
            "the article has no section".into(),
            "begin each part with a line `## Heading`",
        ));
    }
    Ok(reader.done)
}

/// Collects plain text under second-level headings.
#[derive(Default)]
struct Reader {
    done: Vec<Section>,
    open: Option<Section>,
    in_heading: bool,
}

impl Reader {
    fn take(&mut self, event: Event, line: u32) -> Result<(), Fault> {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => {
                self.close()?;
                self.in_heading = true;
                self.open = Some(Section {
                    heading: String::new(),
                    text: String::new(),
                    line,
                });
            }
            Event::Start(Tag::Heading {
                level: HeadingLevel::H1,
                ..
            }) => {
                return Err((
                    line,
                    "a heading with one # is not used".into(),
                    "the title stands in the front matter; sections begin with ##",
                ));
            }
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => self.in_heading = false,
            Event::Text(text) | Event::Code(text) => self.text(&text, line)?,
            Event::SoftBreak => self.soft_break(),
            Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                self.line_break()
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                return Err((
                    line,
                    "HTML is not allowed here".into(),
                    "articles are read aloud: plain sentences and lists",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, line: u32) -> Result<(), Fault> {
        match &mut self.open {
            Some(section) if self.in_heading => section.heading.push_str(text),
            Some(section) => section.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => {
                return Err((
                    line,
                    "there is text before the first ## heading".into(),
                    "every sentence belongs to a section",
                ));
            }
        }
        Ok(())
    }

    /// A line that goes on: a space between words, nothing between Chinese characters.
    fn soft_break(&mut self) {
        if let Some(section) = self.open.as_mut().filter(|_| !self.in_heading)
            && section.text.ends_with(|c: char| c.is_ascii())
        {
            section.text.push(' ');
        }
    }

    fn line_break(&mut self) {
        if let Some(section) = self.open.as_mut().filter(|s| !s.text.is_empty())
            && !section.text.ends_with('\n')
        {
            section.text.push('\n');
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(mut section) = self.open.take() else {
            return Ok(());
        };
        section.heading = section.heading.trim().to_owned();
        section.text = section.text.trim().to_owned();
        if section.heading.is_empty() {
            return Err((
                section.line,
                "a heading is empty".into(),
                "write what the section answers after ##",
            ));
        }
        if section.text.is_empty() {
            let reason = format!("the section {:?} is empty", section.heading);
            return Err((section.line, reason, "write its text or remove the heading"));
        }
        self.done.push(section);
        Ok(())
    }
}

fn newlines(text: &str, until: usize) -> u32 {
    text.as_bytes()[..until.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count() as u32
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |len: usize, most: u32| {
        let part = parts
            .next()
            .filter(|p| p.len() == len && p.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|p| p.parse::<u32>().ok())
            .filter(|n| (1..=most).contains(n))
    };
    let (year, month, day) = (number(4, 9999), number(2, 12), number(2, 31));
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    parts.next().is_none() && day <= days
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "+++\nid = \"refunds/how-long\"\ntitle = \"Refund times\"\nowner = \"pay\"\nupdated = \"2026-11-02\"\nreview_by = \"2027-05-01\"\naudience = \"both\"\n+++\n\n## How long\n\nThree to five\nworking *days*.\n\n- one\n- two\n\n## 多久\n\n三到\n五天。\n";

    #[test]
    fn reads_sections_as_plain_text() {
        let article = check_text("en/refunds/how-long.md", GOOD).unwrap();
        assert_eq!(article.lang, Lang::En);
        let texts: Vec<_> = article
            .sections
            .iter()
            .map(|s| (s.line, s.text.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                (10, "Three to five working days.\none\ntwo"),
                (18, "三到五天。")
            ]
        );
    }

    #[test]
    fn names_the_line_of_every_fault() {
        let cases = [
            (GOOD.replace("title", "titel"), 3, "unknown field"),
            (
                GOOD.replace("refunds/how", "refund/how"),
                2,
                "the file's place",
            ),
            (GOOD.replace("2026-11-02", "2026-02-30"), 5, "no date"),
            (GOOD.replace("2027", "2025"), 6, "before updated"),
            (GOOD.replace("+++\n\n", "\n"), 1, "no end"),
            (GOOD.replacen("+++\n", "", 1), 1, "missing"),
            (GOOD.replace("三到\n五天。\n", ""), 18, "is empty"),
            (GOOD.replace("## 多久", "## How long"), 18, "twice"),
            (
                GOOD.replace("## How long\n", "hello\n"),
                10,
                "before the first",
            ),
            (GOOD.replace("## How", "# How"), 10, "one #"),
            (GOOD.replace("*days*", "<b>days</b>"), 12, "HTML"),
            (GOOD.replace("\"both\"", "\"all\""), 7, "unknown variant"),
        ];
        for (text, line, reason) in cases {
            let error = check_text("en/refunds/how-long.md", &text).expect_err(reason);
            assert!(error.reason.contains(reason), "{error}");
            assert!(
                error.line.is_some_and(|l| l.abs_diff(line) <= 1),
                "{error}: expected line {line}"
            );
            assert!(!error.hint.is_empty());
        }
        assert!(check_text("fr/refunds/how-long.md", GOOD).is_err());
        assert!(check_text("en/how-long.md", GOOD).is_err());
    }
}
