//! People, their passwords (Argon2id) and their log-ins (tokens that expire, stored as hashes).

use super::{Store, StoreError};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Agent,
    Supervisor,
    Qa,
    Content,
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Qa => "qa",
            Self::Content => "content",
            Self::Admin => "admin",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Agent,
            Self::Supervisor,
            Self::Qa,
            Self::Content,
            Self::Admin,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Also the `AgentId` of those who answer calls.
    pub id: String,
    pub name: String,
    pub role: Role,
    pub display_zh: String,
    pub display_en: String,
}

/// A person to be added.
pub struct NewUser {
    pub user: User,
    pub password: Zeroizing<String>,
}

/// A log-in as handed to the browser. The token is shown once and not stored.
pub struct Login {
    pub user: User,
    pub token: Zeroizing<String>,
    pub expires_ms: i64,
}

/// Why nobody was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The name or the password is wrong; which one is not said.
    Wrong,
    /// Too many wrong passwords; tried again after this many seconds.
    Closed { retry_s: u32 },
}

/// Wrong passwords before the name is closed for a while.
const FAILURES_MAX: i64 = 5;
const CLOSED_MS: i64 = 30_000;
/// A log-in that is not used for this long is over.
const IDLE_MS_MAX: i64 = 30 * 60 * 1000;
/// A hash of nothing that anybody knows: a name that does not exist takes as long as one that does.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2lkZXRvbmUtbm9ib2R5$Xh1mQ4WkTq0mBvXxkq0bS2Jm1mJ2k0oH0c5g9d3r8yE";

impl Store {
    /// Adds a person.
    pub async fn add_user(&self, new: NewUser) -> Result<(), StoreError> {
        let hash = self.hash(new.password).await?;
        let user = &new.user;
        let outcome = sqlx::query("INSERT INTO users (id, name, role, display_zh, display_en, password) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&user.id)
            .bind(&user.name)
            .bind(user.role.as_str())
            .bind(&user.display_zh)
            .bind(&user.display_en)
            .bind(hash)
            .execute(&self.write)
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {
                Err(StoreError::NameTaken(user.name.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a password and ends the person's log-ins. False: there is no such person.
    pub async fn set_password(
        &self,
        user: &str,
        password: Zeroizing<String>,
    ) -> Result<bool, StoreError> {
        let hash = self.hash(password).await?;
        let mut tx = self.write.begin().await?;
        let changed = sqlx::query(
            "UPDATE users SET password = ?, failures = 0, closed_until_ms = 0 WHERE id = ?",
        )
        .bind(hash)
        .bind(user)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM logins WHERE user = ?")
            .bind(user)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(changed.rows_affected() > 0)
    }

    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows =
            sqlx::query("SELECT id, name, role, display_zh, display_en FROM users ORDER BY name")
                .fetch_all(&self.read)
                .await?;
        rows.iter().map(user).collect()
    }

    /// Whether this person's password is the given one. For the refusal to serve demo passwords.
    pub async fn has_password(
        &self,
        name: &str,
        password: Zeroizing<String>,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT password FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.read)
            .await?;
        match row {
            Some(row) => self.verify(row.try_get("password")?, password).await,
            None => Ok(false),
        }
    }

    /// Checks a name and password; gives a log-in that lasts `lifetime` at most and half an hour
    /// without use.
    pub async fn create_login(
        &self,
        name: &str,
        password: Zeroizing<String>,
        lifetime: Duration,
        now_ms: i64,
    ) -> Result<Result<Login, LoginFailure>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else {
            self.verify(NOBODY.to_owned(), password).await?;
            return Ok(Err(LoginFailure::Wrong));
        };
        let closed_until_ms: i64 = row.try_get("closed_until_ms")?;
        if closed_until_ms > now_ms {
            let retry_s =
                u32::try_from((closed_until_ms - now_ms + 999) / 1000).unwrap_or(u32::MAX);
            return Ok(Err(LoginFailure::Closed { retry_s }));
        }
        let who = user(&row)?;
        if !self.verify(row.try_get("password")?, password).await? {
            self.count_failure(&who.id, now_ms).await?;
            return Ok(Err(LoginFailure::Wrong));
        }
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let expires_ms =
            now_ms.saturating_add(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        let mut tx = self.write.begin().await?;
        sqlx::query("UPDATE users SET failures = 0, closed_until_ms = 0 WHERE id = ?")
            .bind(&who.id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO logins (token_hash, user, created_ms, seen_ms, expires_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(token_hash(&token))
            .bind(&who.id)
            .bind(now_ms)
            .bind(now_ms)
            .bind(expires_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(Login {
            user: who,
            token,
            expires_ms,
        }))
    }

    /// Who a token belongs to, if it is still good. Counts as use.
    pub async fn verify_login(&self, token: &str, now_ms: i64) -> Result<Option<User>, StoreError> {
        let hash = token_hash(token);
        let row = sqlx::query(
            "SELECT u.*, l.seen_ms FROM logins l JOIN users u ON u.id = l.user
             WHERE l.token_hash = ? AND l.expires_ms > ? AND l.seen_ms > ?",
        )
        .bind(&hash)
        .bind(now_ms)
        .bind(now_ms - IDLE_MS_MAX)
        .fetch_optional(&self.read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let seen_ms: i64 = row.try_get("seen_ms")?;
        // Once a minute is exact enough and spares the writer.
        if now_ms - seen_ms > 60_000 {
            sqlx::query("UPDATE logins SET seen_ms = ? WHERE token_hash = ?")
                .bind(now_ms)
                .bind(&hash)
                .execute(&self.write)
                .await?;
        }
        user(&row).map(Some)
    }

    /// Ends one log-in.
    pub async fn end_login(&self, token: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM logins WHERE token_hash = ?")
            .bind(token_hash(token))
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Removes log-ins that are over; gives their number.
    pub async fn expire(&self, now_ms: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM logins WHERE expires_ms <= ? OR seen_ms <= ?")
            .bind(now_ms)
            .bind(now_ms - IDLE_MS_MAX)
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected())
    }

    async fn count_failure(&self, user: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE users SET closed_until_ms = CASE WHEN failures + 1 >= ?1 THEN ?2 ELSE 0 END,
             failures = CASE WHEN failures + 1 >= ?1 THEN 0 ELSE failures + 1 END WHERE id = ?3",
        )
        .bind(FAILURES_MAX)
        .bind(now_ms + CLOSED_MS)
        .bind(user)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    async fn hash(&self, password: Zeroizing<String>) -> Result<String, StoreError> {
        let failed = |e: String| StoreError::Password(e);
        let _turn = self
            .hashing
            .acquire()
            .await
            .map_err(|e| failed(e.to_string()))?;
        tokio::task::spawn_blocking(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|e| failed(e.to_string()))
        })
        .await
        .map_err(|e| StoreError::Password(e.to_string()))?
    }

    async fn verify(&self, hash: String, password: Zeroizing<String>) -> Result<bool, StoreError> {
        let failed = |e: String| StoreError::Password(e);
        let _turn = self
            .hashing
            .acquire()
            .await
            .map_err(|e| failed(e.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(|e| failed(e.to_string()))?;
            Ok(Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok())
        })
        .await
        .map_err(|e| StoreError::Password(e.to_string()))?
    }
}

fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn user(row: &SqliteRow) -> Result<User, StoreError> {
    let role: String = row.try_get("role")?;
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: Role::parse(&role)
            .ok_or_else(|| StoreError::Row(format!("there is no role {role:?}")))?,
        display_zh: row.try_get("display_zh")?,
        display_en: row.try_get("display_en")?,
    })
}
