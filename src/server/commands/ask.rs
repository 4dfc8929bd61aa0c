//! `sidetone ask`: what the knowledge base would show, and why.

use crate::config::Config;
use crate::knowledge::Knowledge;
use crate::models;
use sidetone_types::Lang;

pub async fn run(
    config: &Config,
    question: &str,
    lang: Option<Lang>,
    n: usize,
) -> anyhow::Result<()> {
    let lang = lang.unwrap_or(if sidetone_call::slots::has_han(question) {
        Lang::Zh
    } else {
        Lang::En
    });
    let (knowledge, errors) = Knowledge::load(config, models::embedder(config)?)?;
    for error in errors {
        eprintln!("{error}");
    }
    let results = knowledge.explain(question, lang, n).await;
    if results.is_empty() {
        println!("Nothing in knowledge/{} answers this.", lang.locale());
    }
    for found in results {
        println!(
            "{:>4}  {} › {}   (dense {}, words {}: {})",
            found.score,
            found.title,
            found.section,
            found.dense,
            found.lexical,
            found.terms.join(" ")
        );
        println!("      {}", found.text.replace('\n', " "));
    }
    Ok(())
}
