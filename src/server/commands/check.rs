//! `sidetone check`: everything a person can have written wrong, in one list.

use crate::config::Config;
use crate::content::{ContentHouse, load_flows};
use crate::knowledge::Knowledge;
use crate::{company, models, recorded};
use anyhow::anyhow;
use sidetone_inference::manifest::{Manifest, Standing};
use sidetone_types::ContentError;

pub fn run(config: &Config) -> anyhow::Result<()> {
    let mut errors: Vec<ContentError> = Vec::new();
    let embedder = models::embedder(config)?;
    if let Err(found) = ContentHouse::load(config, embedder.clone()) {
        errors.extend(found);
    }
    let (knowledge, found) = Knowledge::load(config, embedder)?;
    errors.extend(found);
    errors.extend(company::CompanyData::load(&config.paths.knowledge.join("company")).1);
    errors.extend(recorded::load(&config.paths.recorded_callers).err());
    errors.sort();
    errors.dedup();
    for error in &errors {
        eprintln!("{error}");
    }
    let flows = load_flows(&config.paths.prompts, &config.paths.knowledge)
        .map_or(0, |book| book.flows().count());
    println!("{flows} flows, {} passages", knowledge.passages());
    let manifest = Manifest::load(&config.paths.models)?;
    let mut broken = 0;
    for (entry, standing) in manifest.verify(&config.paths.models) {
        println!("model {}: {}", entry.name, super::models::words(&standing));
        let bad = matches!(standing, Standing::Wrong { .. })
            || (entry.shipped && matches!(standing, Standing::Absent));
        broken += usize::from(bad);
    }
    if errors.is_empty() && broken == 0 {
        println!("Everything is in order.");
        return Ok(());
    }
    Err(anyhow!(
        "{} faults in the content, {broken} in the models",
        errors.len()
    ))
}
