//! `sidetone eval retrieval`: the search over the house's articles, or over a folder's own documents.

use super::figures::{self, Figure, Report};
use super::tables::{self, Row, Table};
use crate::config::Config;
use crate::models;
use anyhow::{Context as _, bail};
use sidetone_inference::embed::{Embedder, TextKind};
use sidetone_knowledge::{Article, Audience, Library, Section, Tuning, ndcg_at, recall_at};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const QUESTION: &[&str] = &["query", "question"];
const RELEVANT: &[&str] = &["relevant", "article_id"];
/// Ranking that the figures look at.
const HITS: usize = 30;

struct Question {
    text: String,
    relevant: BTreeSet<String>,
}

pub fn run(config: &Config, folders: &[PathBuf], shares: &[f32]) -> anyhow::Result<()> {
    let embedder = models::embedder(config)?;
    let mut report = Report::new("retrieval");
    for folder in folders {
        let all = tables::tables(folder)?;
        let mut found = false;
        for table in &all {
            let rows = tables::rows(&table.path)?;
            if let Some(pairs) = similar_pairs(&rows) {
                same_or_not(&mut report, table, &pairs, &*embedder)?;
                found = true;
                continue;
            }
            let Some(questions) = questions(&rows) else {
                continue;
            };
            found = true;
            for library in libraries(config, folder, table, &all, &embedder)? {
                compare(&mut report, table, &library, &questions, shares)?;
            }
        }
        if !found {
            bail!(
                "{} has no table of questions with the documents that answer them",
                folder.display()
            );
        }
    }
    report.finish()
}

fn questions(rows: &[Row]) -> Option<Vec<Question>> {
    let one = |row: &Row| {
        let relevant: BTreeSet<String> = row.texts(RELEVANT).into_iter().collect();
        Some(Question {
            text: row.text(QUESTION)?,
            relevant: (!relevant.is_empty()).then_some(relevant)?,
        })
    };
    rows.iter().map(one).collect()
}

/// The documents that a table's questions are asked of: those of the folder with the same first word
/// in their names where there are such (`zh_queries`, `zh_passages`), all of the folder's where there
/// are any, else the house's articles.
fn libraries(
    config: &Config,
    folder: &Path,
    asked: &Table,
    all: &[Table],
    embedder: &Arc<dyn Embedder>,
) -> anyhow::Result<Vec<Library>> {
    let usual = Tuning::for_embedder(&**embedder);
    let first = |table: &Table| {
        tables::name_of(&table.path)
            .split('_')
            .next()
            .unwrap_or("")
            .to_owned()
    };
    let mut out = Vec::new();
    for table in all {
        let articles: Option<Vec<Article>> =
            tables::rows(&table.path)?.iter().map(document).collect();
        let Some(articles) = articles else { continue };
        // Each set's own documents first; another language's are asked across.
        if first(table).len() == 2 && first(table) != first(asked) {
            continue;
        }
        let library = Library::of(articles, embedder.clone(), usual)?;
        out.push(library);
    }
    if out.is_empty() {
        let (library, errors) = Library::load(&config.paths.knowledge, embedder.clone(), usual)?;
        if let Some(error) = errors.first() {
            bail!("the articles have faults, first {error}");
        }
        out.push(library);
    }
    anyhow::ensure!(
        out.len() == 1,
        "{} has several tables of documents",
        folder.display()
    );
    Ok(out)
}

/// A document of a set: its id, and its words under whatever name they have.
fn document(row: &Row) -> Option<Article> {
    let id = row.text(&["doc_id"])?;
    let mut text: Vec<String> = ["question", "text", "answer", "answers"]
        .iter()
        .flat_map(|name| row.texts(&[name]))
        .collect();
    text.retain(|part| !part.trim().is_empty());
    let text = text.join("\n");
    Some(Article {
        title: row.text(&["title"]).unwrap_or_default(),
        owner: String::new(),
        updated: String::new(),
        review_by: String::new(),
        audience: Audience::Both,
        lang: tables::lang_of(&text),
        sections: vec![Section {
            heading: String::new(),
            text,
            line: 1,
        }],
        id,
    })
}

/// Words alone, vectors alone, and both.
fn compare(
    report: &mut Report,
    table: &Table,
    library: &Library,
    questions: &[Question],
    shares: &[f32],
) -> anyhow::Result<()> {
    let usual = library.tuning();
    let mut halves = vec![
        ("words".to_owned(), 0.0),
        ("vectors".to_owned(), 1.0),
        ("both".to_owned(), library.share_dense(&questions[0].text)),
    ];
    halves.extend(shares.iter().map(|share| (format!("both {share}"), *share)));
    let lang = tables::lang_of(&questions[0].text);
    for (half, share) in halves {
        let tuned = library.with_tuning(Tuning {
            weight_read: share,
            weight_added: share,
            ..usual
        });
        let (mut ndcg, mut recall) = (Vec::new(), Vec::new());
        for question in questions {
            let hits = tuned.search(&question.text, lang, Audience::Both, HITS)?;
            let ranking: Vec<&str> = hits
                .iter()
                .map(|hit| hit.passage.document.as_str())
                .collect();
            ndcg.push(ndcg_at(10, &ranking, &question.relevant));
            recall.push(recall_at(10, &ranking, &question.relevant));
        }
        let set = match table.part.name() {
            "" => table.set.clone(),
            part => format!("{} {part}", table.set),
        };
        report.add(&set, &half, Figure::mean("nDCG@10", &ndcg));
        report.add(&set, &half, Figure::mean("recall@10", &recall));
    }
    Ok(())
}

/// Pairs of questions that ask the same or not.
fn similar_pairs(rows: &[Row]) -> Option<Vec<(String, String, bool)>> {
    let one = |row: &Row| {
        Some((
            row.text(&["question_1"])?,
            row.text(&["question_2"])?,
            row.text(&["similar"])? == "1",
        ))
    };
    rows.iter().map(one).collect()
}

fn same_or_not(
    report: &mut Report,
    table: &Table,
    pairs: &[(String, String, bool)],
    embedder: &dyn Embedder,
) -> anyhow::Result<()> {
    let mut scored = Vec::new();
    for (one, other, same) in pairs {
        let vectors = embedder.embed(&[one, other], TextKind::Query)?;
        let cosine: f32 = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| a * b).sum();
        scored.push((f64::from(cosine), *same));
    }
    let area = figures::area_under_roc(&scored).context("all pairs are of one kind")?;
    report.note(&table.set, "pairs", "AUROC same or not", area);
    Ok(())
}
