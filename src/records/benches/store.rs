//! How long lists and searches take over a large call table, and an append over a busy journal.
//!
//! `cargo bench -p sidetone-records -- [calls]`, 100 000 by default, three turns and a summary each.

use sidetone_records::journal::JournalWriter;
use sidetone_records::store::*;
use sidetone_types::*;
use std::time::Instant;

const WORDS: [&str; 12] = [
    "退款", "物流", "延迟", "账单", "发票", "会员", "投诉", "地址", "优惠", "包裹", "支付", "预约",
];

fn main() {
    let calls = std::env::args()
        .filter_map(|a| a.parse::<i64>().ok())
        .next()
        .unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        journal(folder.path()).await;
        store(folder.path(), calls).await;
    });
}

async fn journal(folder: &std::path::Path) {
    let writer = JournalWriter::open(folder.join("journal")).expect("a journal");
    let began = Instant::now();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let call = CallId::new(format!("bench-{number}"));
                let mut times = Vec::new();
                for seq in 0..40 {
                    let kind = EventKind::NoInput { count: 1 };
                    let event = CallEvent {
                        seq,
                        at: CallTime(seq),
                        call: call.clone(),
                        kind,
                    };
                    let began = Instant::now();
                    writer
                        .append(&call, &[JournalLine::Event { event }])
                        .await
                        .expect("written");
                    times.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a task"));
    }
    println!(
        "journal, 50 calls at once, {} appends in {:.2} s",
        times.len(),
        began.elapsed().as_secs_f64()
    );
    percentiles("  append until it is on the disk", times);
}

async fn store(folder: &std::path::Path, calls: i64) {
    let store = Store::open(&folder.join("sidetone.db"))
        .await
        .expect("a store");
    let began = Instant::now();
    store.rebuild((0..calls).map(derived)).await.expect("rows");
    println!(
        "{calls} calls written in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let searches = [
        "退款",
        "物流延迟",
        "退款 单号00050000",
        "订单号0004",
        "parcel 777",
        "查一下",
        "退",
    ];
    for q in searches {
        let mut times = Vec::new();
        let mut count = 0;
        for _ in 0..20 {
            let began = Instant::now();
            count = store.search(q, 50).await.expect("hits").len();
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        percentiles(&format!("search {q:?}, {count} hits"), times);
        let filter = CallFilter {
            q: Some(q.into()),
            from_ms: Some(derived(calls / 2).record.started_ms),
            ..CallFilter::default()
        };
        list(
            &store,
            &format!("list of calls with {q:?} in the newer half"),
            filter,
        )
        .await;
    }
    list(&store, "list of calls", CallFilter::default()).await;
    list(
        &store,
        "list of an agent's calls with a low mood",
        CallFilter {
            agent: Some("agent-3".into()),
            mood: Some(MoodBand::Low),
            ..CallFilter::default()
        },
    )
    .await;
}

async fn list(store: &Store, name: &str, filter: CallFilter) {
    let mut times = Vec::new();
    let mut count = 0;
    for _ in 0..20 {
        let began = Instant::now();
        count = store.list_calls(&filter).await.expect("a page").calls.len();
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    percentiles(&format!("{name}, {count} rows"), times);
}

fn percentiles(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{name}: p50 {:.2} ms, p95 {:.2} ms", at(0.5), at(0.95));
}

fn derived(number: i64) -> Derived {
    let word = |salt: i64| WORDS[((number * 7 + salt * 13 + number / 11) % 12) as usize];
    let turn = |at: u32, speaker: &str, text: String| TurnText {
        turn: at,
        speaker: speaker.into(),
        from_us: 0,
        text: Masked::authored(text),
    };
    Derived {
        record: CallRecord {
            call: CallId::new(format!("c-{number:08}")),
            started_ms: 1_700_000_000_000 + number * 1000,
            duration_s: 90,
            lang: Lang::Zh,
            wire: Wire::WebRtc,
            customer: None,
            customer_name: None,
            tier: None,
            intent: Some(format!("intent-{}", number % 40)),
            agent: Some(format!("agent-{}", number % 30).as_str().into()),
            outcome: "answered".into(),
            mood: Some((number % 200 - 100) as i8),
            keyword_hits: 0,
            has_recording: true,
            summary: Masked::authored(format!("客户询问{}和{}", word(1), word(2))),
            facts: serde_json::Value::Null,
        },
        turns: vec![
            turn(0, "assistant", "您好，请问有什么可以帮您？".into()),
            turn(
                1,
                "caller",
                format!(
                    "我想查一下{}，还有{}{}，订单号{number:08}",
                    word(3),
                    word(4),
                    word(5)
                ),
            ),
            turn(
                2,
                "agent",
                format!("Your parcel {number} about {} is on its way", number % 1000),
            ),
        ],
        tickets: Vec::new(),
        gaps: Vec::new(),
        cards: Vec::new(),
    }
}
