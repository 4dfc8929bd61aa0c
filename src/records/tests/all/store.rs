use crate::runtime;
use sidetone_records::store::*;
use sidetone_types::{CallId, CardAction, Lang, Masked, Ticket, Wire};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

fn record(number: i64) -> CallRecord {
    CallRecord {
        call: CallId::new(format!("c-{number:04}")),
        started_ms: 1_700_000_000_000 + number * 60_000,
        duration_s: 60,
        lang: if number % 2 == 0 { Lang::Zh } else { Lang::En },
        wire: Wire::WebRtc,
        customer: (number % 3 == 0).then(|| "c-wang".into()),
        customer_name: Some("王芳".into()),
        tier: Some("vip".into()),
        intent: Some(
            if number % 5 == 0 {
                "refund-status"
            } else {
                "bill-query"
            }
            .into(),
        ),
        agent: (number % 4 == 0).then(|| "ann".into()),
        outcome: "answered".into(),
        mood: Some((number % 200 - 100) as i8),
        keyword_hits: 1,
        has_recording: true,
        summary: Masked::authored(format!("客户投诉物流延迟，已登记工单 T{number}")),
        facts: serde_json::Value::Null,
    }
}

fn turns(number: i64) -> Vec<TurnText> {
    let turn = |at: u32, speaker: &str, text: String| TurnText {
        turn: at,
        speaker: speaker.into(),
        from_us: u64::from(at) * 1_000_000,
        text: Masked::authored(text),
    };
    vec![
        turn(0, "assistant", "您好，请问有什么可以帮您？".into()),
        turn(1, "caller", format!("我想查一下退款，订单号{number:08}")),
        turn(
            2,
            "agent",
            format!("Your parcel number {number} is delayed"),
        ),
    ]
}

async fn filled(folder: &Path, calls: i64) -> Store {
    let store = Store::open(&folder.join("data/sidetone.db")).await.unwrap();
    for number in 0..calls {
        store
            .upsert_call(&record(number), &turns(number))
            .await
            .unwrap();
    }
    store
}

fn numbers(page: &Page) -> Vec<String> {
    page.calls.iter().map(|c| c.call.to_string()).collect()
}

#[test]
fn calls_are_listed_filtered_and_paged() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = filled(folder.path(), 60).await;
        let mut filter = CallFilter {
            limit: Some(25),
            ..CallFilter::default()
        };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.list_calls(&filter).await.unwrap();
            seen.extend(numbers(&page));
            pages += 1;
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        let expected: Vec<String> = (0..60).rev().map(|n| format!("c-{n:04}")).collect();
        assert_eq!((seen, pages), (expected, 3));
        let count = async |filter: CallFilter| {
            store
                .list_calls(&CallFilter {
                    limit: Some(500),
                    ..filter
                })
                .await
                .unwrap()
                .calls
                .len()
        };
        let all = CallFilter::default;
        assert_eq!(
            count(CallFilter {
                agent: Some("ann".into()),
                ..all()
            })
            .await,
            15
        );
        assert_eq!(
            count(CallFilter {
                intent: Some("refund-status".into()),
                lang: Some(Lang::En),
                ..all()
            })
            .await,
            6
        );
        assert_eq!(
            count(CallFilter {
                mood: Some(MoodBand::Low),
                ..all()
            })
            .await,
            60
        );
        assert_eq!(
            count(CallFilter {
                mood: Some(MoodBand::High),
                ..all()
            })
            .await,
            0
        );
        let mut filter = CallFilter {
            limit: Some(7),
            q: Some("退款".into()),
            lang: Some(Lang::Zh),
            ..all()
        };
        let mut seen = Vec::new();
        loop {
            let page = store.list_calls(&filter).await.unwrap();
            seen.extend(numbers(&page));
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        let expected: Vec<String> = (0..60)
            .rev()
            .filter(|n| n % 2 == 0)
            .map(|n| format!("c-{n:04}"))
            .collect();
        assert_eq!(seen, expected, "pages of a search neither repeat nor skip");
        let from_ms = Some(record(10).started_ms);
        assert_eq!(
            count(CallFilter {
                from_ms,
                to_ms: Some(record(20).started_ms),
                ..all()
            })
            .await,
            10
        );
        assert_eq!(
            count(CallFilter {
                from_ms,
                q: Some("退款".into()),
                ..all()
            })
            .await,
            50
        );
        assert_eq!(
            count(CallFilter {
                q: Some("00000042".into()),
                ..all()
            })
            .await,
            1
        );
        assert_eq!(
            count(CallFilter {
                q: Some("流延 T7".into()),
                ..all()
            })
            .await,
            1
        );
        assert_eq!(
            count(CallFilter {
                q: Some("没有这样的话".into()),
                ..all()
            })
            .await,
            0
        );
        assert_eq!(
            count(CallFilter {
                q: Some("\"'; DROP TABLE calls --".into()),
                ..all()
            })
            .await,
            0
        );
        assert_eq!(
            store.contacts_of(&"c-wang".into(), 5).await.unwrap()[0]
                .call
                .as_str(),
            "c-0057"
        );
        assert!(matches!(
            store
                .list_calls(&CallFilter {
                    cursor: Some("x".into()),
                    ..all()
                })
                .await,
            Err(StoreError::Cursor(_))
        ));
    });
}

#[test]
fn any_part_of_a_sentence_is_found_and_what_is_gone_is_not() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = filled(folder.path(), 5).await;
        for q in [
            "退",
            "想查",
            "查一下退",
            "一下退款，订单",
            "PARCEL numb",
            "delayed",
            "您好",
        ] {
            let hits = store.search(q, 100).await.unwrap();
            assert_eq!(hits.len(), 5, "{q}: {hits:?}");
            assert_eq!(hits[0].call.as_str(), "c-0004", "newest first");
        }
        let hit = &store.search("00000003", 10).await.unwrap()[0];
        assert_eq!(
            (hit.turn, hit.speaker.as_str(), hit.from_us),
            (1, "caller", 1_000_000)
        );
        store.upsert_call(&record(3), &[]).await.unwrap();
        assert!(store.search("00000003", 10).await.unwrap().is_empty());
        assert_eq!(store.search("物流", 10).await.unwrap().len(), 5);
    });
}

#[test]
fn everything_derived_can_be_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let derived = |number: i64| {
        let call = record(number).call;
        Derived {
            record: record(number),
            turns: turns(number),
            tickets: vec![TicketRow {
                call: call.clone(),
                created_ms: number,
                by: "ann".into(),
                ticket: Ticket {
                    number: format!("T{number}"),
                    subject: Masked::authored("late"),
                    body: Masked::authored("parcel"),
                    priority: "high".into(),
                },
            }],
            gaps: vec![Gap {
                call: call.clone(),
                utterance: 3,
                question: Masked::authored("你们收比特币吗？"),
                lang: Lang::Zh,
                at_ms: number,
            }],
            cards: vec![CardTaken {
                call,
                card: 1,
                document: "refunds/how-long".into(),
                section: "How long".into(),
                action: CardAction::Accept,
                by: "ann".into(),
                at_ms: number,
            }],
        }
    };
    runtime().block_on(async {
        let store = filled(folder.path(), 9).await;
        add_person(&store, "ann", Role::Agent).await;
        assert_eq!(store.rebuild((0..4).map(derived)).await.unwrap(), 4);
        store.upsert_derived(&derived(3)).await.unwrap();
        assert_eq!(
            store
                .list_calls(&CallFilter::default())
                .await
                .unwrap()
                .calls
                .len(),
            4
        );
        assert_eq!(store.search("退款", 100).await.unwrap().len(), 4);
        assert_eq!(store.list_tickets(10).await.unwrap().len(), 4);
        let gaps = store.list_gaps(10).await.unwrap();
        assert_eq!((gaps.len(), gaps[0].count, gaps[0].last_ms), (1, 4, 3));
        assert_eq!(store.users().await.unwrap().len(), 1, "people stay");
    });
}

async fn add_person(store: &Store, name: &str, role: Role) {
    let user = User {
        id: name.into(),
        name: name.into(),
        role,
        display_zh: "安".into(),
        display_en: "Ann".into(),
    };
    let password = Zeroizing::new(format!("{name}-secret"));
    store.add_user(NewUser { user, password }).await.unwrap();
}

#[test]
fn people_log_in_and_log_ins_end() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = filled(folder.path(), 0).await;
        add_person(&store, "ann", Role::Supervisor).await;
        let word = |text: &str| Zeroizing::new(text.to_owned());
        let day = Duration::from_secs(86_400);
        let login = store
            .create_login("ANN", word("ann-secret"), day, 1000)
            .await
            .unwrap()
            .ok()
            .unwrap();
        assert_eq!(login.user.role, Role::Supervisor);
        assert_eq!(
            store
                .verify_login(&login.token, 2000)
                .await
                .unwrap()
                .unwrap()
                .name,
            "ann"
        );
        assert!(store.verify_login("made up", 2000).await.unwrap().is_none());
        // Used every twenty minutes it lasts its day and no longer; unused it ends after thirty.
        let minute = 60_000;
        let mut now_ms = 1000;
        while now_ms + 20 * minute < 86_400_000 {
            now_ms += 20 * minute;
            assert!(
                store
                    .verify_login(&login.token, now_ms)
                    .await
                    .unwrap()
                    .is_some(),
                "{now_ms}"
            );
        }
        assert!(
            store
                .verify_login(&login.token, 86_401_001)
                .await
                .unwrap()
                .is_none()
        );
        let idle = store
            .create_login("ann", word("ann-secret"), day, 1000)
            .await
            .unwrap()
            .ok()
            .unwrap();
        assert!(
            store
                .verify_login(&idle.token, 1001 + 30 * minute)
                .await
                .unwrap()
                .is_none()
        );
        assert!(store.expire(90_000_000).await.unwrap() >= 2);
        let login = store
            .create_login("ann", word("ann-secret"), day, 1000)
            .await
            .unwrap()
            .ok()
            .unwrap();
        store.end_login(&login.token).await.unwrap();
        assert!(
            store
                .verify_login(&login.token, 1001)
                .await
                .unwrap()
                .is_none()
        );
        let login = store
            .create_login("ann", word("ann-secret"), day, 1000)
            .await
            .unwrap()
            .ok()
            .unwrap();
        assert!(store.set_password("ann", word("another")).await.unwrap());
        assert!(
            store
                .verify_login(&login.token, 1001)
                .await
                .unwrap()
                .is_none(),
            "a new password ends log-ins"
        );
        assert!(store.has_password("ann", word("another")).await.unwrap());
        let again = User {
            id: "x".into(),
            ..store.users().await.unwrap().remove(0)
        };
        let taken = store
            .add_user(NewUser {
                user: again,
                password: word("p"),
            })
            .await;
        assert!(matches!(taken, Err(StoreError::NameTaken(_))));
    });
}

#[test]
fn wrong_passwords_close_a_name_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = filled(folder.path(), 0).await;
        add_person(&store, "ann", Role::Agent).await;
        let attempt = async |name: &str, password: &str, now_ms| {
            let word = Zeroizing::new(password.to_owned());
            store
                .create_login(name, word, Duration::from_secs(60), now_ms)
                .await
                .unwrap()
                .err()
        };
        assert_eq!(attempt("nobody", "x", 0).await, Some(LoginFailure::Wrong));
        for _ in 0..5 {
            assert_eq!(attempt("ann", "x", 0).await, Some(LoginFailure::Wrong));
        }
        assert_eq!(
            attempt("ann", "ann-secret", 1000).await,
            Some(LoginFailure::Closed { retry_s: 29 })
        );
        assert_eq!(attempt("ann", "ann-secret", 30_001).await, None);
    });
}

#[test]
fn passwords_and_tokens_are_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = filled(folder.path(), 0).await;
        add_person(&store, "ann", Role::Agent).await;
        let word = Zeroizing::new("ann-secret".to_owned());
        let login = store
            .create_login("ann", word, Duration::from_secs(60), 0)
            .await
            .unwrap()
            .ok()
            .unwrap();
        store.close().await;
        for entry in std::fs::read_dir(folder.path().join("data"))
            .unwrap()
            .flatten()
        {
            let bytes = std::fs::read(entry.path()).unwrap();
            for secret in ["ann-secret", login.token.as_str()] {
                assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()));
            }
        }
    });
}

#[test]
fn the_audit_log_shows_tampering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/sidetone.db");
    runtime().block_on(async {
        let store = filled(folder.path(), 0).await;
        for number in 0..5 {
            store
                .audit(number, "ann", "listen", &format!("c-{number}"), "")
                .await
                .unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), 5);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let other = sqlx::sqlite::SqlitePool::connect_with(options)
            .await
            .unwrap();
        sqlx::query("UPDATE audit SET subject = 'c-9' WHERE id = 3")
            .execute(&other)
            .await
            .unwrap();
        assert!(matches!(
            store.verify_audit().await,
            Err(StoreError::AuditBroken { line: 3, .. })
        ));
        sqlx::query("UPDATE audit SET subject = 'c-2' WHERE id = 3")
            .execute(&other)
            .await
            .unwrap();
        assert_eq!(store.verify_audit().await.unwrap(), 5);
        sqlx::query("DELETE FROM audit WHERE id = 2")
            .execute(&other)
            .await
            .unwrap();
        assert!(matches!(
            store.verify_audit().await,
            Err(StoreError::AuditBroken { line: 3, .. })
        ));
    });
}

#[test]
fn a_newer_or_broken_file_is_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let path = folder.path().join("data/sidetone.db");
        let store = filled(folder.path(), 1).await;
        store.close().await;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let other = sqlx::sqlite::SqlitePool::connect_with(options)
            .await
            .unwrap();
        sqlx::query("PRAGMA user_version = 99")
            .execute(&other)
            .await
            .unwrap();
        other.close().await;
        assert!(matches!(
            Store::open(&path).await.err(),
            Some(StoreError::Newer { found: 99, .. })
        ));
        let broken = folder.path().join("broken.db");
        std::fs::write(
            &broken,
            "this is no database, it is a text of some length".repeat(50),
        )
        .unwrap();
        let words = Store::open(&broken).await.err().unwrap().to_string();
        assert!(
            words.contains("broken.db") && words.contains("not a database"),
            "{words}"
        );
    });
}
