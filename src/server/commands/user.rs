//! `sidetone user`: people and their passwords.

use super::UserAction;
use crate::config::Config;
use anyhow::{Context as _, anyhow, bail};
use sidetone_records::store::{NewUser, Store, User};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use zeroize::Zeroizing;

/// Shorter ones are guessed.
const PASSWORD_CHARS_MIN: usize = 12;

pub async fn run(config: &Config, action: UserAction) -> anyhow::Result<()> {
    let store = Store::open(&config.paths.data.join("sidetone.db")).await?;
    match action {
        UserAction::List => {
            for user in store.users().await? {
                println!(
                    "{:<16} {:<10} {} / {}",
                    user.name,
                    user.role.as_str(),
                    user.display_zh,
                    user.display_en
                );
            }
        }
        UserAction::Add { name, role, zh, en } => {
            let user = User {
                id: name.clone(),
                role,
                display_zh: zh.unwrap_or_else(|| name.clone()),
                display_en: en.unwrap_or_else(|| name.clone()),
                name,
            };
            store
                .add_user(NewUser {
                    user,
                    password: ask_password()?,
                })
                .await?;
            println!("Added.");
        }
        UserAction::Password { name } => {
            if !store.set_password(&name, ask_password()?).await? {
                bail!("there is nobody called {name}");
            }
            println!("Changed; the log-ins of {name} have ended.");
        }
    }
    store.close().await;
    Ok(())
}

/// Reads a password from standard input: one line, so that a password file can be piped in.
fn ask_password() -> anyhow::Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        eprint!("New password (it shows as you type; clear the screen after): ");
        std::io::stderr().flush()?;
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("no password was given")?;
    let password = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(anyhow!(
            "a password has at least {PASSWORD_CHARS_MIN} characters"
        ));
    }
    Ok(password)
}
