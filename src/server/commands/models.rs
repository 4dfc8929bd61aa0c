//! `sidetone models`: what the manifest names, fetched with progress and verified.

use super::ModelsAction;
use crate::config::Config;
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};
use sidetone_inference::manifest::{self, Manifest, Standing};

pub async fn run(config: &Config, action: ModelsAction) -> anyhow::Result<()> {
    let dir = &config.paths.models;
    let manifest = Manifest::load(dir)?;
    match action {
        ModelsAction::List | ModelsAction::Verify => {
            let mut broken = 0;
            for (entry, standing) in manifest.verify(dir) {
                println!(
                    "{:<28} {:<12} {}",
                    entry.name,
                    entry.languages.join(","),
                    words(&standing)
                );
                broken += usize::from(matches!(standing, Standing::Wrong { .. }));
            }
            if broken > 0 && matches!(action, ModelsAction::Verify) {
                return Err(anyhow!(
                    "{broken} files are not what the manifest says: fetch them again"
                ));
            }
            Ok(())
        }
        ModelsAction::Get { name } => get(&manifest, &name, dir).await,
    }
}

async fn get(manifest: &Manifest, name: &str, dir: &std::path::Path) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let size = manifest
        .find(name)
        .and_then(|entry| entry.size)
        .unwrap_or(0);
    let bar = ProgressBar::new(size).with_style(ProgressStyle::with_template(
        "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )?);
    bar.set_message(name.to_owned());
    let fetched = manifest::get(name, dir, |bytes, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(bytes);
    })
    .await?;
    bar.finish();
    println!("{} sha256 {}", fetched.path.display(), fetched.sha256);
    if !fetched.verified {
        println!("The manifest has no sha256 for it: compare the one above with its publisher's.");
    }
    Ok(())
}

/// A model's standing in a person's words.
pub fn words(standing: &Standing) -> String {
    match standing {
        Standing::Right => "here, checked".into(),
        Standing::Unverified { sha256 } => format!("here, no hash to compare (sha256 {sha256})"),
        Standing::Absent => "not here".into(),
        Standing::Wrong { reason } => format!("here and wrong: {reason}"),
    }
}
