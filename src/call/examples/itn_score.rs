//! Scores the written form against a table of `category<TAB>spoken<TAB>written` lines.
//!
//! `cargo run --release -p sidetone-call --example itn_score -- zh FILE.tsv [category to list]`

use sidetone_call::slots;
use sidetone_types::Lang;
use std::collections::BTreeMap;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(lang), Some(path)) = (args.next().and_then(|lang| Lang::parse(&lang)), args.next())
    else {
        eprintln!("usage: itn_score zh|en FILE.tsv [category]");
        std::process::exit(2);
    };
    let listed = args.next();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            std::process::exit(1);
        }
    };
    let mut scores: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(category), Some(spoken), Some(written)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let ours = slots::itn(spoken, lang);
        let right = ours.to_lowercase() == written.to_lowercase();
        let category = category.trim_end_matches("_cased");
        let score = scores.entry(category).or_default();
        score.0 += u32::from(right);
        score.1 += 1;
        if !right && listed.as_deref() == Some(category) {
            println!("{spoken}\n  wanted {written}\n  got    {ours}");
        }
    }
    for (category, (right, all)) in scores {
        println!("{category:12} {right:4} of {all:4}");
    }
}
