//! A page that calls this program and hears itself, one second later.
//!
//! `cargo run --release -p sidetone-edge --example echo`, then open the address that is printed. The
//! far end hears a 1000 Hz tone for two seconds and then an echo. Keys and the end of a call are
//! printed with their times.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sidetone_edge::{LegHandle, LegSignal, WebRtcConfig, WebRtcEdge};
use sidetone_media::level::level_dbov;
use sidetone_media::tones::Oscillator;
use sidetone_media::{FRAME_SAMPLES, SILENCE};
use std::collections::VecDeque;
use std::time::Instant;

#[derive(Deserialize)]
struct Offer {
    sdp: String,
}

#[derive(Serialize)]
struct Answer {
    sdp: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8099".into());
    let app = Router::new()
        .route("/", get(|| async { Html(include_str!("echo.html")) }))
        .route("/call", post(call))
        .with_state(WebRtcEdge::new(WebRtcConfig::default()));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await
}

async fn call(
    State(edge): State<WebRtcEdge>,
    Json(offer): Json<Offer>,
) -> Result<Json<Answer>, (StatusCode, String)> {
    let began = Instant::now();
    match edge.answer(&offer.sdp).await {
        Ok((sdp, leg)) => {
            println!("answered after {} ms", began.elapsed().as_millis());
            tokio::spawn(echo(leg));
            Ok(Json(Answer { sdp }))
        }
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
    }
}

async fn echo(mut leg: LegHandle) {
    let began = Instant::now();
    let mut tone = Oscillator::new(1000.0, -20.0);
    let mut later = VecDeque::from(vec![SILENCE; 50]);
    let (mut connected, mut frames, mut loud) = (false, 0u32, false);
    loop {
        tokio::select! {
            signal = leg.signals.recv() => {
                println!("{} ms: {signal:?}", began.elapsed().as_millis());
                match signal {
                    Some(LegSignal::Connected) => connected = true,
                    Some(LegSignal::Closed { .. }) | None => return,
                    _ => {}
                }
            }
            Some(frame) = leg.frames_in.recv() => {
                let level = level_dbov(&frame.pcm);
                if (level > -40.0) != loud {
                    loud = level > -40.0;
                    println!("{} ms: the caller is at {level:.0} dBov, {} Hz", began.elapsed().as_millis(), crossings_hz(&frame.pcm));
                }
                later.push_back(frame.pcm);
                let mut pcm = later.pop_front().unwrap_or(SILENCE);
                frames += u32::from(connected);
                if frames < 100 {
                    tone.fill(&mut pcm);
                }
                leg.frames_out.push(&pcm);
            }
        }
    }
}

fn crossings_hz(pcm: &[i16; FRAME_SAMPLES]) -> usize {
    pcm.windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0)
        .count()
        * 50
}
