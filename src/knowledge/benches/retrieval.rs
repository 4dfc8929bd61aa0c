//! How good and how fast the search is.
//!
//! `cargo bench -p sidetone-knowledge -- speed` times the search over our folder and over 100 000
//! made-up passages. `-- quality <documents.jsonl> <queries.jsonl> [embedder folder]` gives nDCG@10
//! and recall@10 of the text index, the vectors and both, over a grid of weights. Documents have
//! `doc_id` and `text` or `question`, queries `query` and `relevant`.

use sidetone_inference::embed::{self, Embedder, Hashed, TextKind};
use sidetone_knowledge::*;
use sidetone_types::Lang;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Numbers of a vector of the shipped embedder.
const DIMS: usize = 256;

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] | ["speed"] => speed(),
        ["quality", documents, queries] => quality(documents, queries, None),
        ["quality", documents, queries, folder] => quality(documents, queries, Some(folder)),
        ["folder", queries, lang, rest @ ..] => folder(queries, lang, rest.first().copied()),
        _ => eprintln!(
            "speed | quality <documents.jsonl> <queries.jsonl> [embedder] | folder <queries.tsv> <lang> [embedder]"
        ),
    }
}

fn embedder<'a>(
    folder: Option<&str>,
    passages: impl Iterator<Item = &'a str>,
) -> Arc<dyn Embedder> {
    match folder {
        Some(folder) => embed::open(Path::new(folder)).expect("an embedder"),
        None => Arc::new(Hashed::learn(passages)),
    }
}

fn percentiles(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms ({} questions)",
        at(0.5),
        at(0.95),
        at(0.99),
        times.len()
    );
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

fn speed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let (library, errors) =
        Library::load(&root, Arc::new(Hashed::default()), Tuning::default()).expect("our folder");
    assert!(errors.is_empty(), "{errors:?}");
    for (lang, query) in [
        (Lang::Zh, "退款多久能到账"),
        (Lang::En, "how long does my refund take"),
    ] {
        let times = (0..1000).map(|_| {
            let began = Instant::now();
            library
                .search(query, lang, Audience::Caller, 3)
                .expect("an answer");
            ms(began)
        });
        percentiles(
            &format!(
                "our folder, {lang}, {} passages, hashed embedding included",
                library.passages(lang)
            ),
            times.collect(),
        );
    }
    speed_of_100_000();
}

/// Passages of words drawn like words are: few often, many rarely. Vectors are as long as the shipped embedder’s.
fn speed_of_100_000() {
    let mut state = 7u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let texts: Vec<Vec<String>> = (0..100_000)
        .map(|_| {
            (0..60)
                .map(|_| format!("w{}", (30_000f32.powf(random())) as u32))
                .collect()
        })
        .collect();
    let mut vector = || {
        let raw: Vec<f32> = (0..DIMS).map(|_| random() - 0.5).collect();
        let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        raw.into_iter().map(|v| v / norm).collect::<Vec<f32>>()
    };
    let vectors: Vec<Vec<f32>> = (0..100_000).map(|_| vector()).collect();
    let queries: Vec<Vec<f32>> = (0..200).map(|_| vector()).collect();
    let lexical = Lexical::build(texts.iter().map(Vec::as_slice));
    let exact = Exact::build(DIMS, vectors.iter().map(Vec::as_slice));
    let (mut dense_ms, mut floats_ms, mut lexical_ms, mut found) =
        (Vec::new(), Vec::new(), Vec::new(), 0);
    for (at, query) in queries.iter().enumerate() {
        let began = Instant::now();
        let quick = exact.search(query, 50);
        dense_ms.push(ms(began));
        let began = Instant::now();
        let right = exact.search_floats(query, 10);
        floats_ms.push(ms(began));
        found += quick[..10]
            .iter()
            .filter(|n| right.iter().any(|r| r.passage == n.passage))
            .count();
        let words = &texts[at * 431][..8];
        let began = Instant::now();
        let scores = lexical.score(words);
        assert!(!scores.top(50).is_empty());
        lexical_ms.push(ms(began));
    }
    let both = dense_ms
        .iter()
        .zip(&lexical_ms)
        .map(|(a, b)| a + b)
        .collect();
    println!(
        "100 000 passages x {DIMS}, recall@10 against floats {:.4}",
        found as f64 / (10 * queries.len()) as f64
    );
    percentiles("  vectors, bytes then floats", dense_ms);
    percentiles("  vectors, floats only", floats_ms);
    percentiles("  text index, 8 terms", lexical_ms);
    percentiles("  both halves", both);
}

struct Set {
    ids: Vec<String>,
    lexical: Lexical,
    exact: Exact,
    embedder: Arc<dyn Embedder>,
}

/// Scores of all candidates of one question.
struct Asked {
    query: Query,
    lexical: BTreeMap<u32, f32>,
    dense: BTreeMap<u32, f32>,
}

fn lines(path: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect(path);
    text.lines()
        .map(|l| serde_json::from_str(l).expect("JSON lines"))
        .collect()
}

fn quality(documents: &str, queries: &str, folder: Option<&str>) {
    let text = |v: &serde_json::Value, name: &str| v[name].as_str().unwrap_or("").to_owned();
    let documents = lines(documents);
    let ids: Vec<String> = documents.iter().map(|d| text(d, "doc_id")).collect();
    let texts: Vec<String> = documents
        .iter()
        .map(|d| {
            let answers: Vec<&str> = d["answers"].as_array().map_or(Vec::new(), |a| {
                a.iter().filter_map(|t| t.as_str()).collect()
            });
            format!(
                "{}\n{}\n{}\n{}",
                text(d, "title"),
                text(d, "question"),
                text(d, "text"),
                answers.join("\n")
            )
        })
        .collect();
    let queries: Vec<Query> = lines(queries)
        .iter()
        .map(|q| Query {
            text: text(q, "query"),
            relevant: q["relevant"]
                .as_array()
                .expect("relevant")
                .iter()
                .filter_map(|r| r.as_str().map(str::to_owned))
                .collect(),
        })
        .collect();
    report(ids, texts, queries, folder);
}

/// Our own articles, a document for each section, named by its article.
fn folder(queries: &str, lang: &str, model: Option<&str>) {
    let lang = Lang::parse(lang).expect("zh or en");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let (library, _) =
        Library::load(&root, Arc::new(Hashed::default()), Tuning::default()).expect("our folder");
    let (mut ids, mut texts) = (Vec::new(), Vec::new());
    for file in library.files().iter().filter(|f| f.lang == Some(lang)) {
        let id = file
            .path
            .trim_start_matches(lang.locale())
            .trim_matches('/')
            .trim_end_matches(".md");
        for section in &library.article(id, lang).expect("served").sections {
            ids.push(id.to_owned());
            texts.push(format!(
                "{}\n{}\n{}",
                file.title, section.heading, section.text
            ));
        }
    }
    let text = std::fs::read_to_string(queries).expect(queries);
    let queries = text.lines().skip(1).filter_map(|l| l.split_once('\t'));
    let queries = queries.map(|(text, relevant)| Query {
        text: text.to_owned(),
        relevant: relevant.split(',').map(|r| r.trim().to_owned()).collect(),
    });
    report(ids, texts, queries.collect(), model);
}

fn report(ids: Vec<String>, texts: Vec<String>, queries: Vec<Query>, folder: Option<&str>) {
    let embedder = embedder(folder, texts.iter().map(String::as_str));
    let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder.embed(&refs, TextKind::Passage).expect("vectors");
    let cut: Vec<Vec<String>> = texts.iter().map(|t| terms(t)).collect();
    let set = Set {
        ids,
        lexical: Lexical::build(cut.iter().map(Vec::as_slice)),
        exact: Exact::build(embedder.dims(), vectors.iter().map(Vec::as_slice)),
        embedder,
    };
    println!(
        "{} documents, {} questions, embedder {}",
        set.ids.len(),
        queries.len(),
        set.embedder.id()
    );
    let asked: Vec<Asked> = queries.into_iter().map(|q| ask(&set, q)).collect();
    for (name, relative) in [("absolute", false), ("per question", true)] {
        for tenths in 0..=10 {
            let weight = tenths as f32 / 10.0;
            let scores = grade(&set, &asked, weight, relative);
            println!(
                "{name:12} weight of vectors {weight:.1}: nDCG@10 {:.4} recall@10 {:.4}",
                scores.ndcg_at_10, scores.recall_at_10
            );
        }
    }
}

fn ask(set: &Set, query: Query) -> Asked {
    let vector = set
        .embedder
        .embed(&[&query.text], TextKind::Query)
        .expect("a vector")
        .remove(0);
    let scores = set.lexical.score(&terms(&query.text));
    let mut dense: BTreeMap<u32, f32> = set
        .exact
        .search(&vector, 50)
        .iter()
        .map(|n| (n.passage, n.cosine))
        .collect();
    for (passage, _) in scores.top(50) {
        dense
            .entry(passage)
            .or_insert_with(|| set.exact.cosine(&vector, passage));
    }
    let lexical = dense.keys().map(|p| (*p, scores.of(*p))).collect();
    Asked {
        query,
        lexical,
        dense,
    }
}

fn grade(set: &Set, asked: &[Asked], weight: f32, relative: bool) -> Scores {
    let by_text: BTreeMap<&str, &Asked> =
        asked.iter().map(|a| (a.query.text.as_str(), a)).collect();
    let queries: Vec<Query> = asked.iter().map(|a| a.query.clone()).collect();
    let tuning = Tuning::default();
    score(&queries, |text| {
        let asked = by_text[text];
        let best = |m: &BTreeMap<u32, f32>| m.values().copied().fold(1e-6, f32::max);
        let (dense_one, lexical_one) = match relative {
            true => (best(&asked.dense), best(&asked.lexical)),
            false => (
                tuning.dense_ceiling - tuning.dense_floor,
                tuning.lexical_ceiling,
            ),
        };
        let mut all: Vec<(f32, u32)> = asked
            .dense
            .iter()
            .map(|(p, d)| {
                (
                    weight * d / dense_one + (1.0 - weight) * asked.lexical[p] / lexical_one,
                    *p,
                )
            })
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut ranking: Vec<String> = Vec::new();
        for (_, passage) in all {
            let id = &set.ids[passage as usize];
            if !ranking.contains(id) {
                ranking.push(id.clone());
            }
        }
        ranking
    })
}
