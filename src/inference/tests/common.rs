//! Speech, noise and a small HTTP server for the tests.

use sidetone_inference::pcm;
use sidetone_inference::synth::{Espeak, Synthesizer};
use sidetone_types::Lang;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A folder of the project.
pub fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// What espeak-ng says, as a telephone would carry it.
pub async fn say(text: &str, lang: Lang) -> Vec<i16> {
    let espeak = Espeak::find().expect("espeak-ng is installed with the project");
    telephone(&espeak.speak(text, lang).await.expect("speech"))
}

/// Down to 8 kHz, through µ-law, and up again.
pub fn telephone(sound: &[i16]) -> Vec<i16> {
    let narrow: Vec<i16> = pcm::resample(sound, 16_000, 8_000)
        .into_iter()
        .map(mu_law)
        .collect();
    pcm::to_16k(&narrow, 8_000)
}

fn mu_law(sample: i16) -> i16 {
    let x = f32::from(sample) / 32768.0;
    let code = (x.signum() * (1.0 + 255.0 * x.abs()).ln() / 256f32.ln() * 128.0).round() / 128.0;
    (code.signum() * (256f32.powf(code.abs()) - 1.0) / 255.0 * 32767.0) as i16
}

/// White noise of about this level, the same for the same seed.
pub fn noise(ms: usize, dbov: f32, mut seed: u64) -> Vec<i16> {
    let scale = 32768.0 * 10f32.powf(dbov / 20.0) * 3f32.sqrt();
    (0..ms * 16)
        .map(|_| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let unit = (seed >> 33) as f32 / (1u64 << 31) as f32 * 2.0 - 1.0;
            (unit * scale) as i16
        })
        .collect()
}

/// Sines together: a tone, a key, a chord.
pub fn tones(ms: usize, hz: &[f32], dbov: f32) -> Vec<i16> {
    let scale = 32768.0 * 10f32.powf(dbov / 20.0) * (2.0 / hz.len() as f32).sqrt();
    (0..ms * 16)
        .map(|i| {
            let sum: f32 = hz
                .iter()
                .map(|f| (std::f32::consts::TAU * f * i as f32 / 16_000.0).sin())
                .sum();
            (sum * scale) as i16
        })
        .collect()
}

/// A request as the server saw it.
pub struct Request {
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| {
            let (key, value) = l.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// An answer; `cut_after` closes the connection after so many bytes of the body.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub cut_after: Option<usize>,
}

/// Serves on a free port of the loopback until the test ends. Gives the base address.
pub async fn serve(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> String {
    // reqwest is built without a provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let _ = one(socket, &*answer).await;
            });
        }
    });
    format!("http://{address}")
}

async fn one(
    mut socket: tokio::net::TcpStream,
    answer: &(impl Fn(Request) -> Reply + ?Sized),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        let n = socket.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..n]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut request = Request {
        path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        head,
        body: String::new(),
    };
    let length: usize = request
        .header("content-length")
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        let n = socket.read(&mut buffer).await?;
        if n == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..n]);
    }
    request.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    let reply = answer(request);
    let mut out = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (key, value) in &reply.headers {
        out.push_str(&format!("{key}: {value}\r\n"));
    }
    out.push_str("\r\n");
    socket.write_all(out.as_bytes()).await?;
    let sent = reply
        .cut_after
        .unwrap_or(reply.body.len())
        .min(reply.body.len());
    socket.write_all(&reply.body[..sent]).await?;
    socket.shutdown().await
}
