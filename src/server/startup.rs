//! Opening the house: everything is loaded, calls that a crash cut off are closed, content is watched.

use crate::call::Calls;
use crate::clock::Clock;
use crate::config::Config;
use crate::connectors::{Connectors, DemoConnector};
use crate::content::{ContentHouse, Part};
use crate::dispatch::Dispatch;
use crate::house::House;
use crate::knowledge::Knowledge;
use crate::live::{Audience, Hub, LiveMessage};
use crate::models::Models;
use crate::{api, people, rows, status};
use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use notify::{RecursiveMode, Watcher as _};
use sidetone_assist::view::CallView;
use sidetone_call::CallPolicy;
use sidetone_edge::{WebRtcConfig, WebRtcEdge};
use sidetone_inference::synth::Say;
use sidetone_records::journal::{self, JournalWriter, Unfinished};
use sidetone_records::store::Store;
use sidetone_records::vault::{Keys, Vault};
use sidetone_types::*;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Saved files are gathered for so long before they are loaded: editors write more than once.
const SETTLE: Duration = Duration::from_millis(300);
/// Bounds of the stage histograms, in seconds.
const STAGE_SECONDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0,
];
/// Calls still running are given this long when the engine closes.
const DRAIN: Duration = Duration::from_secs(10);

/// Loads everything and closes what a crash left open.
pub async fn open(config: Config) -> anyhow::Result<Arc<House>> {
    // Two providers may be linked; without a choice the first TLS connection would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = config.paths.data.clone();
    std::fs::create_dir_all(&data)
        .with_context(|| format!("the folder {} can't be made", data.display()))?;
    let metrics = metrics_recorder()?;
    let clock = Clock::new(config.zone());
    let journal = JournalWriter::open(data.join("journal"))?;
    let keys = Keys::open(
        &data.join("keys/master.key"),
        std::env::var("SIDETONE_MASTER_KEY").ok().as_deref(),
    )?;
    let vault = Vault::open(data.join("recordings"), keys)?;
    let store = Store::open(&data.join("sidetone.db")).await?;
    prepare_people(&config, &store).await?;
    let loading = config.clone();
    let (models, content, knowledge) =
        tokio::task::spawn_blocking(move || load(&loading)).await??;
    let demo = config
        .connectors
        .demo_data
        .then(|| Arc::new(DemoConnector::new(content.company())));
    let connectors = Connectors::new(&config, demo.clone())?;
    let calls = Arc::new(Calls::default());
    let hub = Hub::new();
    let dispatch = Dispatch::start(
        config.acd.clone(),
        clock.clone(),
        calls.clone(),
        hub.clone(),
    );
    let edge = WebRtcEdge::new(WebRtcConfig {
        bind_ip: config.media.bind,
        ..WebRtcConfig::default()
    });
    let house = Arc::new(House {
        clock,
        store,
        journal,
        vault,
        models,
        content,
        knowledge,
        connectors,
        demo,
        dispatch,
        calls,
        hub,
        edge,
        call_policy: CallPolicy::default(),
        metrics,
        draining: AtomicBool::new(false),
        tickets: AtomicU32::new(0),
        lines_out: OnceLock::new(),
        audiosocket: OnceLock::new(),
        phones: OnceLock::new(),
        config,
    });
    close_lost_calls(&house).await?;
    house.knowledge.sync().await;
    Ok(house)
}

fn load(config: &Config) -> anyhow::Result<(Models, ContentHouse, Knowledge)> {
    let models = Models::load(config);
    let content = ContentHouse::load(config, models.embedder.clone()).map_err(|errors| {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the content can't be loaded:\n  {}", list.join("\n  "))
    })?;
    let (knowledge, errors) = Knowledge::load(config, models.embedder.clone())?;
    content.report(Part::Articles, errors);
    Ok((models, content, knowledge))
}

fn metrics_recorder() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &STAGE_SECONDS)?
        .install_recorder()
        .context("metrics can't be set up")
}

/// Demo people where the demo is on; a refusal to serve their passwords where it is off.
async fn prepare_people(config: &Config, store: &Store) -> anyhow::Result<()> {
    if config.company.demo {
        people::add_demo_people(store).await?;
        return Ok(());
    }
    let open = people::with_demo_password(store).await?;
    if !open.is_empty() && !config.http.bind.ip().is_loopback() {
        anyhow::bail!(
            "{} still have the public demo passwords and http.bind is {}: change them with \
             `sidetone user password NAME`, or start with a fresh data folder",
            open.join(", "),
            config.http.bind
        );
    }
    Ok(())
}

/// Calls without an end were running when the engine was killed: their journals say so from now on,
/// and their recordings are closed.
async fn close_lost_calls(house: &Arc<House>) -> anyhow::Result<()> {
    let journal = house.journal.clone();
    let lost = tokio::task::spawn_blocking(move || journal.scan_unfinished()).await??;
    for call in lost {
        if let Err(error) = close_lost_call(house, &call).await {
            tracing::error!(call = %call.call, %error, "a lost call could not be closed");
        }
    }
    Ok(())
}

async fn close_lost_call(house: &Arc<House>, lost: &Unfinished) -> anyhow::Result<()> {
    let mut events = journal::events(lost.lines.clone());
    let Some(last) = events.last() else {
        return Ok(());
    };
    let kind = EventKind::CallEnded {
        reason: EndReason::Lost,
    };
    let ended = CallEvent {
        seq: last.seq + 1,
        at: last.at,
        call: lost.call.clone(),
        kind,
    };
    house
        .journal
        .append(
            &lost.call,
            &[JournalLine::Event {
                event: ended.clone(),
            }],
        )
        .await?;
    events.push(ended);
    let (vault, call) = (house.vault.clone(), lost.call.clone());
    if vault.has_recording(&call) {
        tokio::task::spawn_blocking(move || vault.seal_lost(&call)).await??;
    }
    let view = CallView::from_events(&events);
    house.keep_row(&events, &view).await;
    tracing::warn!(call = %lost.call, torn_bytes = lost.torn_bytes, "closed a call that was cut off");
    Ok(())
}

/// Writes the list of calls anew from the journals.
pub async fn rebuild(house: &House) -> anyhow::Result<usize> {
    let root = house.journal.root().to_owned();
    let company = house.company_data();
    let derived = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<_>> {
        let mut derived = Vec::new();
        for call in journal::all_calls(&root)? {
            let events = journal::events(journal::read(&root, &call)?);
            derived.extend(rows::derive(
                &events,
                &CallView::from_events(&events),
                &company,
            ));
        }
        Ok(derived)
    })
    .await??;
    Ok(house.store.rebuild(derived).await?)
}

/// Serves until the process is told to stop; then running calls get a moment to end.
pub async fn serve(house: Arc<House>) -> anyhow::Result<()> {
    let bind = house.config.http.bind;
    let listener = tokio::net::TcpListener::bind(bind).await.with_context(|| {
        format!(
            "{bind} can't be served: is another program using the port? Set http.bind to a free one"
        )
    })?;
    let _watcher = watch_content(&house)?;
    crate::phones::open(&house).await;
    crate::streams::open(&house).await;
    tokio::spawn(warm_voice(house.clone()));
    tokio::spawn(post_wallboard(house.clone()));
    tokio::spawn(expire_logins(house.clone()));
    println!(
        "Sidetone serves http://{}",
        listener
            .local_addr()?
            .to_string()
            .replace("127.0.0.1", "localhost")
    );
    if house.config.company.demo {
        println!(
            "Demo log-ins (name / password): {}",
            people::DEMO_LOGINS
                .iter()
                .map(|login| format!("{} / {}", login.name, login.password))
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    for model in house.models.states.iter().filter(|model| !model.ok) {
        println!("Missing: {} {}: {}", model.task, model.name, model.detail);
    }
    let pages = api::router(house.clone()).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, pages)
        .with_graceful_shutdown(drain(house))
        .await?;
    Ok(())
}

/// Waits for the signal to stop, takes no new calls, and ends the running ones.
async fn drain(house: Arc<House>) {
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::error!(%error, "no signal can be waited for");
                return std::future::pending().await;
            }
        };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    house.draining.store(true, Ordering::Relaxed);
    for call in house.calls.all() {
        call.send(crate::call::CallMessage::Input(CallInput::Shutdown))
            .await;
    }
    if let Some(phones) = house.phones.get().cloned() {
        // New telephone calls are refused while the running ones end.
        tokio::spawn(async move { phones.drain(DRAIN).await });
    }
    let ended = async {
        while house.calls.count() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        tracing::warn!(
            calls = house.calls.count(),
            "calls were still running at the end"
        );
    }
    if let Some(phones) = house.phones.get() {
        phones.stop().await;
    }
    // Open pages hold their connections for good; they find the new engine by themselves.
    tokio::spawn(async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        std::process::exit(0);
    });
}

/// Makes the prompts that are always the same before somebody waits for them.
async fn warm_voice(house: Arc<House>) {
    // The first music computes its tune.
    let _ = tokio::task::spawn_blocking(sidetone_media::tones::HoldMusic::new).await;
    let Some(voice) = &house.models.voice else {
        return;
    };
    for (key, lang, text) in house.content.snapshot().flows.fixed_texts() {
        let say = Say {
            key: Some(key),
            text,
            lang,
            personal: false,
        };
        if let Err(error) = voice.say(&say).await {
            tracing::warn!(%error, "prompts could not be made in advance");
            return;
        }
    }
}

async fn post_wallboard(house: Arc<House>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        if let Ok(board) = api::board(&house).await {
            house
                .hub
                .post(Audience::Supervisors, LiveMessage::Wallboard { board });
        }
    }
}

async fn expire_logins(house: Arc<House>) {
    let mut every = tokio::time::interval(Duration::from_secs(600));
    loop {
        every.tick().await;
        if let Err(error) = house.store.expire(house.clock.wall_ms()).await {
            tracing::warn!(%error, "old log-ins were not removed");
        }
    }
}

/// Watches the content folders; what changed is loaded within three seconds.
fn watch_content(house: &Arc<House>) -> anyhow::Result<notify::RecommendedWatcher> {
    let (changed, mut changes) = mpsc::channel::<Part>(256);
    if let Some(part) = house.content.to_learn() {
        let _ = changed.try_send(part);
    }
    let watched = house.clone();
    let roots: Vec<_> = [&house.config.paths.prompts, &house.config.paths.knowledge]
        .into_iter()
        .map(|path| {
            (
                path.clone(),
                std::path::absolute(path).unwrap_or_else(|_| path.clone()),
            )
        })
        .collect();
    let below = roots.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, notify::EventKind::Access(_)) {
            return;
        }
        for path in event.paths {
            // The watcher names absolute paths, the configuration mostly relative ones.
            let named = below.iter().find_map(|(relative, absolute)| {
                path.strip_prefix(absolute)
                    .ok()
                    .map(|rest| relative.join(rest))
            });
            if let Some(part) = watched.content.part_of(&named.unwrap_or(path)) {
                // A full channel has the part in it already, or nearly so.
                let _ = changed.try_send(part);
            }
        }
    })?;
    for (_, absolute) in &roots {
        watcher
            .watch(absolute, RecursiveMode::Recursive)
            .with_context(|| format!("{} can't be watched", absolute.display()))?;
    }
    let house = house.clone();
    tokio::spawn(async move {
        while let Some(first) = changes.recv().await {
            let mut parts = BTreeSet::from([first]);
            tokio::time::sleep(SETTLE).await;
            while let Ok(part) = changes.try_recv() {
                parts.insert(part);
            }
            reload(&house, parts).await;
        }
    });
    Ok(watcher)
}

async fn reload(house: &Arc<House>, parts: BTreeSet<Part>) {
    let loading = house.clone();
    let done = tokio::task::spawn_blocking(move || {
        for part in parts {
            match part {
                Part::Company => {
                    if let Some(demo) = &loading.demo {
                        demo.replace(loading.content.company());
                    }
                }
                Part::Articles => {
                    let errors = loading.knowledge.reload();
                    loading.content.report(part, errors);
                }
                _ => loading.content.reload(part),
            }
        }
    });
    if let Err(error) = done.await {
        tracing::error!(%error, "content was not loaded");
    }
    house.knowledge.sync().await;
    let status = status::content(house);
    house
        .hub
        .post(Audience::Content, LiveMessage::Content { status });
}
