//! `sidetone eval slots`: spoken numbers to written form, table by table and kind by kind.

use super::figures::{Figure, Report};
use super::tables::{self, Table};
use sidetone_call::slots;
use sidetone_types::Lang;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SPOKEN: &[&str] = &["input", "spoken"];
const WRITTEN: &[&str] = &["output", "written"];
const KIND: &[&str] = &["category", "kind"];

pub fn run(folders: &[PathBuf], wrong: bool) -> anyhow::Result<()> {
    let mut report = Report::new("slots");
    let mut found = 0;
    for folder in folders {
        for table in tables::tables(folder)?.into_iter().filter(is_inverse) {
            found += 1;
            let mut kinds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
            for row in tables::rows(&table.path)? {
                let spoken = row.need(SPOKEN)?;
                let written = slots::itn(&spoken, tables::lang_of(&spoken));
                let wanted = row.need(WRITTEN)?;
                let right = plain(&written) == plain(&wanted);
                if wrong && !right {
                    println!("{spoken} → {written} (wanted {wanted})");
                }
                let right = f64::from(u8::from(right));
                let kind = row.text(KIND).unwrap_or_default();
                kinds.entry(kind).or_default().push(right);
                kinds.entry("all".into()).or_default().push(right);
            }
            for (kind, rights) in kinds {
                report.add(&table.set, &kind, Figure::mean("written right", &rights));
            }
        }
    }
    anyhow::ensure!(
        found > 0,
        "no table whose name has itn and whose rows have input and output"
    );
    report.finish()
}

/// From speech to writing; the other direction is the synthesizer's.
fn is_inverse(table: &Table) -> bool {
    table
        .set
        .rsplit('/')
        .next()
        .is_some_and(|name| name.split('.').any(|word| word == "itn"))
}

/// Signs before an amount and the words that Chinese has after it.
const CURRENCIES: [(&str, &str); 7] = [
    ("JPY¥", "日元"),
    ("US$", "美元"),
    ("¥", "元"),
    ("€", "欧元"),
    ("£", "英镑"),
    ("₩", "韩元"),
    ("₹", "印度卢布"),
];

/// Case, the space beside figures, commas inside them, and whether a currency is a sign before an
/// amount or a word after it are nobody's error.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = words.join(" ").replace(',', "");
    if tables::lang_of(text) == Lang::Zh {
        for (sign, word) in CURRENCIES {
            if let Some((before, amount)) = out.split_once(sign) {
                let is_amount = |c: char| c.is_ascii_digit() || matches!(c, '.' | '万' | '亿');
                let end = amount.find(|c| !is_amount(c)).unwrap_or(amount.len());
                out = format!("{before}{}{word}{}", &amount[..end], &amount[end..]);
                break;
            }
        }
    }
    out.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_in_two_ways_is_the_same() {
        assert_eq!(plain("付了US$1,000"), plain("付了1000美元"));
        assert_eq!(plain("付了¥1005万整"), plain("付了1,005万元整"));
        assert_eq!(plain("€1.5万，"), plain("1.5万欧元，"));
        assert_ne!(plain("¥15"), plain("¥51"));
        assert_eq!(plain("At  11:40 P.M."), "at 11:40 p.m.");
    }
}
