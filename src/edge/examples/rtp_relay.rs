//! What a relayed G.711 call costs and how late it makes the sound.
//!
//! `cargo run --release -p sidetone-edge --example rtp_relay -- <calls> <seconds>`. Each call is two
//! phones (plain sockets of this program) and two legs whose frames are handed to each other. Some
//! calls carry marks (a level of sound for each packet), from which the delay from phone to phone is
//! read; the jitter buffer is meant to be most of it. What the relay adds beside that is measured on
//! the ways that do not go through it: from a pushed frame to the far socket, and from a key's packet
//! to its signal. All are compared with a direct socket in the same run.

use sidetone_edge::ports::Ports;
use sidetone_edge::rtp::{self, RtpCodec, RtpControl, RtpFormat, RtpParams, RtpSocket};
use sidetone_edge::{LegHandle, LegSignal};
use sidetone_media::g711::{from_ulaw, to_ulaw};
use sidetone_media::{FRAME_SAMPLES, SILENCE};
use sidetone_types::Wire;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PACKET: Duration = Duration::from_millis(20);
/// Calls whose delay is read.
const MARKED: usize = 8;
/// Marks: levels of sound, far enough apart for the codec.
const MARKS: usize = 16;
const THREAD: &str = "relay";

fn level_of(mark: usize) -> i16 {
    (mark as i16 - 8) * 3500 + 1750
}

fn mark_of(level: i16) -> usize {
    ((i32::from(level) + 8 * 3500) / 3500).clamp(0, MARKS as i32 - 1) as usize
}

/// When each mark was sent last, and what was measured by it.
#[derive(Default)]
struct Marks {
    sent: [Option<Instant>; MARKS],
    delays_us: Vec<u64>,
}

impl Marks {
    fn arrived(&mut self, mark: usize) {
        if let Some(sent) = self.sent[mark].take() {
            self.delays_us.push(sent.elapsed().as_micros() as u64);
        }
    }
}

type Shared = Arc<Mutex<Marks>>;

struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    marks: Option<Shared>,
    /// Somebody reads what comes at the socket; otherwise it is emptied now and then.
    heard: bool,
    ssrc: u32,
}

impl Phone {
    fn new(marks: Option<Shared>, ssrc: u32) -> Self {
        let socket = UdpSocket::bind((HERE, 0)).expect("a socket");
        let to = socket.local_addr().expect("bound");
        Self {
            socket,
            to,
            heard: marks.is_some(),
            marks,
            ssrc,
        }
    }

    fn send(&self, n: usize, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut packet = [0; 172];
        packet[..2].copy_from_slice(&[0x80, payload_type]);
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet[12..12 + payload.len()].copy_from_slice(payload);
        let _ = self.socket.send_to(&packet[..12 + payload.len()], self.to);
    }

    fn speak(&self, n: usize) {
        let mark = n % MARKS;
        if let Some(marks) = &self.marks {
            marks.lock().expect("whole").sent[mark] = Some(Instant::now());
        }
        self.send(n, 0, n as u32 * 160, &[to_ulaw(level_of(mark)); 160]);
    }
}

/// Reads marks from what comes at a socket, until nothing comes any more.
fn listen(socket: UdpSocket, marks: Shared) {
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("a time-out");
    let mut packet = [0; 2000];
    while let Ok(length) = socket.recv(&mut packet) {
        if length == 172 {
            marks
                .lock()
                .expect("whole")
                .arrived(mark_of(from_ulaw(packet[12 + 96])));
        }
    }
}

fn leg(phone: &mut Phone) -> (LegHandle, RtpControl) {
    let format = RtpFormat {
        codec: RtpCodec::Pcmu,
        payload: 0,
        packet_ms: 20,
    };
    let params = RtpParams {
        event: Some((101, 8_000)),
        ..RtpParams::new(format, Some(phone.to))
    };
    let socket = RtpSocket::bind(&Ports::new(None), HERE).expect("ports");
    phone.to = SocketAddr::new(HERE, socket.port());
    let (handle, control) = rtp::start(socket, params, Wire::Sip).expect("a leg");
    control.connected();
    (handle, control)
}

/// Hands the frames of two legs to each other.
async fn relay(mut a: LegHandle, mut b: LegHandle, controls: [RtpControl; 2]) {
    loop {
        tokio::select! {
            Some(frame) = a.frames_in.recv() => { b.frames_out.push(&frame.pcm); }
            Some(frame) = b.frames_in.recv() => { a.frames_out.push(&frame.pcm); }
            _ = a.signals.recv() => {}
            _ = b.signals.recv() => {}
            else => break,
        }
    }
    drop(controls);
}

/// A house that says marks and listens for keys.
async fn probe(
    mut handle: LegHandle,
    control: RtpControl,
    frames: Shared,
    keys: Shared,
    seconds: usize,
) {
    let mut ticks = tokio::time::interval(PACKET);
    let mut n = 0;
    while n < seconds * 50 {
        tokio::select! {
            _ = ticks.tick() => {
                n += 1;
                let mut pcm = SILENCE;
                pcm.fill(level_of(n % MARKS));
                frames.lock().expect("whole").sent[n % MARKS] = Some(Instant::now());
                handle.frames_out.push(&pcm);
            }
            Some(signal) = handle.signals.recv() => {
                if matches!(signal, LegSignal::Key(_)) {
                    keys.lock().expect("whole").arrived(0);
                }
            }
        }
    }
    drop(control);
}

/// Speaks for every phone, evenly spread over each 20 ms, and empties the sockets nobody reads.
fn speak(phones: Vec<Phone>, direct: Phone, keys: Phone, seconds: usize, done: Sender<()>) {
    let began = Instant::now();
    let mut room = [0; 2000];
    for phone in phones.iter().filter(|phone| !phone.heard) {
        phone.socket.set_nonblocking(true).expect("a socket");
    }
    for n in 0..seconds * 50 {
        direct.speak(n);
        if n % 15 == 0 {
            let marks = keys.marks.as_ref().expect("a probe");
            marks.lock().expect("whole").sent[0] = Some(Instant::now());
            keys.send(n, 101, n as u32 * 160, &[5, 0x80, 3, 0]);
        } else {
            keys.send(n, 0, n as u32 * 160, &[0xFF; 160]);
        }
        for (place, phone) in phones.iter().enumerate() {
            let due = PACKET * n as u32 + PACKET * place as u32 / phones.len() as u32;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            phone.speak(n);
            while !phone.heard && phone.socket.recv(&mut room).is_ok() {}
        }
    }
    let _ = done.send(());
}

/// Resident memory of this process.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// Processor time of the relay's threads so far.
fn relay_cpu() -> Duration {
    let mut ticks = 0u64;
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").trim() == THREAD {
            let stat = read("stat");
            let after = stat.rsplit(')').next().unwrap_or_default();
            let fields = after.split_whitespace().skip(11).take(2);
            ticks += fields
                .filter_map(|field| field.parse::<u64>().ok())
                .sum::<u64>();
        }
    }
    Duration::from_millis(ticks * 10)
}

fn report(name: &str, marks: &Shared) -> (f64, f64) {
    let mut delays = std::mem::take(&mut marks.lock().expect("whole").delays_us);
    delays.sort_unstable();
    let at = |share: usize| match delays.len() {
        0 => f64::NAN,
        len => delays[(len * share / 100).min(len - 1)] as f64 / 1000.0,
    };
    println!(
        "{name:<44} {:>6} samples   p50 {:>7.3} ms   p99 {:>7.3} ms",
        delays.len(),
        at(50),
        at(99)
    );
    (at(50), at(99))
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let calls = arguments.next().and_then(Result::ok).unwrap_or(100);
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(20);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(THREAD)
        .enable_all()
        .build()
        .expect("a runtime");
    let [direct_marks, frame_marks, key_marks, relayed]: [Shared; 4] = Default::default();
    let mut phones = Vec::new();
    let listener = |socket: &UdpSocket, marks: &Shared| {
        let (socket, marks) = (socket.try_clone().expect("a socket"), marks.clone());
        std::thread::spawn(move || listen(socket, marks));
    };
    let mut each_marks = Vec::new();
    let memory = memory_kib();
    let guard = runtime.enter();
    for n in 0..calls {
        let marks: Option<Shared> = (n < MARKED).then(Shared::default);
        each_marks.extend(marks.clone());
        let mut near = Phone::new(marks.clone(), n as u32 * 2 + 1);
        let mut far = Phone::new(None, n as u32 * 2 + 2);
        let ((a, a_control), (b, b_control)) = (leg(&mut near), leg(&mut far));
        if let Some(marks) = &marks {
            // The near phone speaks and the far one is listened to; what the near one gets piles up
            // in its socket and is dropped there.
            listener(&far.socket, marks);
            far.heard = true;
        }
        runtime.spawn(relay(a, b, [a_control, b_control]));
        phones.extend([near, far]);
    }
    let mut keys = Phone::new(Some(key_marks.clone()), 0x7777);
    let (handle, control) = leg(&mut keys);
    listener(&keys.socket, &frame_marks);
    runtime.spawn(probe(
        handle,
        control,
        frame_marks.clone(),
        key_marks.clone(),
        seconds,
    ));
    drop(guard);
    let direct = Phone::new(Some(direct_marks.clone()), 0x8888);
    listener(&direct.socket, &direct_marks);
    let (done, over): (Sender<()>, Receiver<()>) = channel();
    let cpu = relay_cpu();
    let began = Instant::now();
    std::thread::spawn(move || speak(phones, direct, keys, seconds, done));
    let _ = over.recv();
    let (used, ran) = (relay_cpu() - cpu, began.elapsed());
    println!(
        "{calls} relayed G.711 calls, {:.1} s, frames of {FRAME_SAMPLES} samples: {:.2} % of a core each ({:.1} µs a packet in and out)",
        ran.as_secs_f64(),
        used.as_secs_f64() / ran.as_secs_f64() / calls as f64 * 100.0,
        used.as_micros() as f64 / (ran.as_secs_f64() * 100.0 * calls as f64)
    );
    println!(
        "memory: {} KiB a leg",
        memory_kib().saturating_sub(memory) / (2 * calls as u64).max(1)
    );
    for marks in each_marks {
        let delays = std::mem::take(&mut marks.lock().expect("whole").delays_us);
        relayed.lock().expect("whole").delays_us.extend(delays);
    }
    let direct = report("direct socket", &direct_marks);
    let frame = report("house to far socket", &frame_marks);
    let key = report("key packet to house", &key_marks);
    report("phone to phone, jitter buffer included", &relayed);
    println!(
        "added beside the jitter buffer: p50 {:.3} ms, p99 {:.3} ms (the way in and the way out, less the direct socket)",
        frame.0 + key.0 - direct.0,
        frame.1 + key.1 - direct.1
    );
}
