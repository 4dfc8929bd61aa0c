//! `sidetone eval summary`: the summary without a language model against people's summaries.
//!
//! ROUGE F1 (Lin 2004) on words in English and characters in Chinese, of the best of the references;
//! beside it the lead baseline: the first turns of both sides, cut to the summary's length.

use super::figures::{Figure, Report, normal};
use super::tables::{self, Row};
use sidetone_assist::summary::{check_supported, draft};
use sidetone_assist::view::ViewTurn;
use sidetone_assist::{CallView, Speaker};
use sidetone_types::*;
use std::collections::HashMap;
use std::path::PathBuf;

const REFERENCE: &[&str] = &["summaries", "summary"];
const CALLERS: [&str; 4] = ["customer", "caller", "user", "client"];

/// ROUGE-1, ROUGE-2 and ROUGE-L.
const NAMES: [&str; 3] = ["ROUGE-1", "ROUGE-2", "ROUGE-L"];

struct Dialogue {
    view: CallView,
    references: Vec<String>,
}

pub fn run(folders: &[PathBuf]) -> anyhow::Result<()> {
    let mut report = Report::new("summary");
    let mut found = false;
    for folder in folders {
        for table in tables::tables(folder)? {
            let rows = tables::rows(&table.path)?;
            let dialogues: Vec<Dialogue> = rows.iter().filter_map(dialogue).collect();
            if dialogues.is_empty() {
                continue;
            }
            found = true;
            let name = format!("{} {}", table.set, table.part.name());
            figures(&mut report, name.trim(), &dialogues);
        }
    }
    anyhow::ensure!(found, "no table with turns and a summary in each row");
    report.finish()
}

/// A row as a call: who spoke, and what the summary is measured by.
fn dialogue(row: &Row) -> Option<Dialogue> {
    let references = row.texts(REFERENCE);
    let turns = row.objects("turns");
    if references.is_empty() || turns.is_empty() {
        return None;
    }
    let role = |turn: &Row| turn.text(&["role", "speaker"]).unwrap_or_default();
    let first = role(&turns[0]);
    let named = turns
        .iter()
        .any(|turn| CALLERS.contains(&role(turn).as_str()));
    let mut view = CallView::default();
    for (number, turn) in turns.iter().enumerate() {
        let text = turn.text(&["text"])?;
        let is_caller = match named {
            true => CALLERS.contains(&role(turn).as_str()),
            // Nobody is called a caller: whoever began.
            false => role(turn) == first,
        };
        view.lang = tables::lang_of(&text);
        let at = number as u64 * 1_000_000;
        view.turns.push(ViewTurn {
            utterance: Some(UtteranceId(number as u32 + 1)),
            prompt: None,
            speaker: if is_caller {
                Speaker::Caller
            } else {
                Speaker::Agent
            },
            from_us: at,
            to_us: at + 900_000,
            text: Masked::authored(text),
            is_final: true,
            interrupted: false,
            backchannel: false,
            confidence: None,
            intent: None,
            mood: None,
            words: Vec::new(),
            answers: false,
        });
    }
    Some(Dialogue { view, references })
}

fn figures(report: &mut Report, set: &str, dialogues: &[Dialogue]) {
    let (mut ours, mut lead) = (Vec::new(), Vec::new());
    let (mut supported, mut figures_found, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for Dialogue { view, references } in dialogues {
        let lang = view.lang;
        let sentences = draft(view, lang);
        let text: Vec<&str> = sentences.iter().map(|s| s.text.as_str()).collect();
        let text = text.join(if lang == Lang::Zh { "" } else { " " });
        empty.push(f64::from(u8::from(text.is_empty())));
        let passes = |s: &SummarySentence| f64::from(u8::from(check_supported(s, view).is_ok()));
        supported.extend(sentences.iter().map(passes));
        figures_found.extend(numbers_found(&text, view));
        let length = normal(&text, lang).len();
        ours.push(best(&text, references, lang));
        lead.push(best(&leading(view, length), references, lang));
    }
    for (at, name) in NAMES.into_iter().enumerate() {
        let column = |rows: &[[f64; 3]]| rows.iter().map(|row| row[at]).collect::<Vec<f64>>();
        report.add(set, "ours", Figure::mean(name, &column(&ours)));
        report.add(set, "lead", Figure::mean(name, &column(&lead)));
    }
    report.add(set, "ours", Figure::mean("sentences supported", &supported));
    report.add(
        set,
        "ours",
        Figure::mean("numbers supported", &figures_found),
    );
    report.add(set, "ours", Figure::mean("empty", &empty));
}

/// For each number in the summary whether the transcript has it: looked up here on its own, without
/// the gate that the summary passed.
fn numbers_found(summary: &str, view: &CallView) -> Vec<f64> {
    let runs = |text: &str| -> Vec<String> {
        let parts = text.split(|c: char| !c.is_ascii_digit());
        parts.filter(|p| !p.is_empty()).map(str::to_owned).collect()
    };
    let said: Vec<String> = view
        .turns
        .iter()
        .flat_map(|t| runs(t.text.as_str()))
        .collect();
    runs(summary)
        .iter()
        .map(|n| f64::from(u8::from(said.contains(n))))
        .collect()
}

/// The first words of the caller, then of the other side, as many as the summary has.
fn leading(view: &CallView, length: usize) -> String {
    let first = |of: fn(&Speaker) -> bool| view.turns.iter().find(|t| of(&t.speaker));
    let turns = [
        first(|s| matches!(s, Speaker::Caller)),
        first(|s| !matches!(s, Speaker::Caller)),
    ];
    let text: Vec<&str> = turns.iter().flatten().map(|t| t.text.as_str()).collect();
    let words = normal(&text.join(" "), view.lang);
    words.into_iter().take(length).collect::<Vec<_>>().join(" ")
}

fn best(text: &str, references: &[String], lang: Lang) -> [f64; 3] {
    let words = normal(text, lang);
    let scores = references.iter().map(|r| rouge(&words, &normal(r, lang)));
    scores.fold([0.0; 3], |a, b| {
        std::array::from_fn(|i| f64::max(a[i], b[i]))
    })
}

fn rouge(ours: &[String], theirs: &[String]) -> [f64; 3] {
    let longest = common_subsequence(ours, theirs) as f64;
    let f1 = |common: f64, a: usize, b: usize| match a + b {
        0 => 0.0,
        both => 2.0 * common / both as f64,
    };
    let grams = |n: usize| {
        let (a, b) = (counts(ours, n), counts(theirs, n));
        let common: usize = a
            .iter()
            .map(|(gram, c)| (*c).min(b.get(gram).copied().unwrap_or(0)))
            .sum();
        f1(common as f64, a.values().sum(), b.values().sum())
    };
    [grams(1), grams(2), f1(longest, ours.len(), theirs.len())]
}

fn counts(words: &[String], n: usize) -> HashMap<&[String], usize> {
    let mut out = HashMap::new();
    for gram in words.windows(n) {
        *out.entry(gram).or_default() += 1;
    }
    out
}

fn common_subsequence(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { up.max(row[j]) };
            diagonal = up;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rouge_agrees_with_numbers_worked_by_hand() {
        let words = |text: &str| normal(text, Lang::En);
        let [one, two, longest] =
            rouge(&words("the cat sat on the mat"), &words("the cat on a mat"));
        // Four words in common of 6 and 5; one pair of 5 and 4; "the cat on mat" in order.
        assert!((one - 8.0 / 11.0).abs() < 1e-9, "{one}");
        assert!((two - 2.0 / 9.0).abs() < 1e-9, "{two}");
        assert!((longest - 8.0 / 11.0).abs() < 1e-9, "{longest}");
        assert_eq!(rouge(&[], &[]), [0.0; 3]);
    }
}
