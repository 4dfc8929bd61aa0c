//! A number outside, message by message: it speaks before it answers.

use sidetone_media::g711::to_ulaw;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// A SIP endpoint that takes one call after the other and hums in each, from the INVITE on.
pub struct Outside {
    pub at: SocketAddr,
    answer: mpsc::Sender<()>,
}

impl Outside {
    pub async fn open(hz: f32) -> Self {
        let sip = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = sip.local_addr().unwrap();
        let (answer, mut answers) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                take(&sip, hz, &mut answers).await;
            }
        });
        Self { at, answer }
    }

    /// Whoever is called picks up.
    pub async fn answers(&self) {
        self.answer.send(()).await.unwrap();
    }
}

async fn next(sip: &UdpSocket) -> (String, SocketAddr) {
    let mut room = [0; 8192];
    let (length, from) = sip.recv_from(&mut room).await.unwrap();
    (String::from_utf8_lossy(&room[..length]).into_owned(), from)
}

/// A response with what it takes over from its request.
fn response(at: SocketAddr, request: &str, status: &str, sdp: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" => out += &format!("{line}\r\n"),
            "to" if line.contains("tag=") => out += &format!("{line}\r\n"),
            "to" => out += &format!("{line};tag=outside\r\n"),
            _ => {}
        }
    }
    out += &format!("Contact: <sip:outside@{at}>\r\n");
    if !sdp.is_empty() {
        out += "Content-Type: application/sdp\r\n";
    }
    out + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}

/// One call until its end.
async fn take(sip: &UdpSocket, hz: f32, answers: &mut mpsc::Receiver<()>) {
    let at = sip.local_addr().unwrap();
    let (invite, house) = loop {
        let (message, from) = next(sip).await;
        if message.starts_with("INVITE") {
            break (message, from);
        }
        sip.send_to(response(at, &message, "200 OK", "").as_bytes(), from)
            .await
            .unwrap();
    };
    let port = invite.lines().find_map(|line| {
        let port = line.strip_prefix("m=audio ")?;
        port.split(' ').next()?.parse::<u16>().ok()
    });
    let to = SocketAddr::new(house.ip(), port.expect("an offer with sound"));
    let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
        rtp.local_addr().unwrap().port()
    );
    let (stop, stopped) = oneshot::channel();
    let humming = tokio::spawn(hum(rtp, to, hz, stopped));
    let say = async |status: &str, sdp: &str| {
        let message = response(at, &invite, status, sdp);
        sip.send_to(message.as_bytes(), house).await.unwrap();
    };
    say("183 Session Progress", &sdp).await;
    timeout(PATIENCE, answers.recv())
        .await
        .expect("the test answers");
    say("200 OK", &sdp).await;
    loop {
        let (message, from) = next(sip).await;
        if message.starts_with("BYE") {
            sip.send_to(response(at, &message, "200 OK", "").as_bytes(), from)
                .await
                .unwrap();
            break;
        }
    }
    drop(stop);
    let _ = humming.await;
}

/// G.711 µ-law, a packet every 20 ms.
async fn hum(rtp: UdpSocket, to: SocketAddr, hz: f32, mut stopped: oneshot::Receiver<()>) {
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut n: u32 = 0;
    while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        && began.elapsed() < 4 * PATIENCE
    {
        ticks.tick().await;
        let mut packet = vec![0x80, 0];
        packet.extend((n as u16).to_be_bytes());
        packet.extend((n * 160).to_be_bytes());
        packet.extend(0x5151_u32.to_be_bytes());
        packet.extend((0..160).map(|sample| {
            let t = (n * 160 + sample) as f32 / 8000.0;
            to_ulaw(((t * hz * std::f32::consts::TAU).sin() * 4600.0) as i16)
        }));
        let _ = rtp.send_to(&packet, to).await;
        n += 1;
    }
}
