//! The task that owns one RTP leg: sockets, pace and channels around a [`Stream`].

use super::RtpSocket;
use super::control::{ControlEnds, RtpControl, SharedSignals};
use super::packet::DATAGRAM_BYTES_MAX;
use super::params::RtpParams;
use super::stream::{Channel, Out, Stream};
use crate::EdgeError;
use crate::frames::{self, FrameReceiver, FrameSender};
use crate::leg::{CloseReason, Commands, FRAMES_MS, LegControl, LegHandle, LegSignal, SIGNALS};
use crate::ports::Port;
use sidetone_media::{FRAME_MS, SILENCE};
use sidetone_types::Wire;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Frames between quality reports.
const QUALITY_FRAMES: u64 = 100;
/// Places in the signal channel that quality reports leave free.
const RESERVED_SIGNALS: usize = 16;
/// Datagrams taken at a time, so that a flood does not keep the leg from its pace.
const BATCH: usize = 32;
/// A connected far end of which no packet ever came is not there.
const NEVER: Duration = Duration::from_secs(60);
/// One that spoke once and of which nothing at all comes for this long, neither sound nor reports, is
/// gone, although its dialog lives on. Long, because gateways that suppress silence and send no
/// reports exist, and a caller may listen to music for minutes.
const GONE: Duration = Duration::from_secs(300);
/// Voice is sent as expedited forwarding (RFC 4594): DSCP 46.
const TOS_VOICE: u32 = 46 << 2;

pub(super) fn start(
    socket: RtpSocket,
    params: RtpParams,
    wire: Wire,
) -> Result<(LegHandle, RtpControl), EdgeError> {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let stream = Stream::new(params.clone(), unix.as_micros() as u64)?;
    let setup = |why: std::io::Error| EdgeError::Setup {
        step: "handing the RTP sockets to the runtime",
        why: why.to_string(),
    };
    let socket_is_v6 = socket.ip().is_ipv6();
    let sockets = Sockets {
        rtp: UdpSocket::from_std(socket.rtp).map_err(setup)?,
        rtcp: UdpSocket::from_std(socket.rtcp).map_err(setup)?,
        _ports: socket.ports,
    };
    for each in [&sockets.rtp, &sockets.rtcp] {
        // Networks that do not heed it, and systems that do not allow it, carry voice all the same.
        let _ = if socket_is_v6 {
            each.set_tclass_v6(TOS_VOICE)
        } else {
            each.set_tos_v4(TOS_VOICE)
        };
    }
    let (heard, frames_in) = frames::channel(FRAMES_MS);
    let (frames_out, said) = frames::channel(FRAMES_MS);
    let (signals, received) = mpsc::channel(SIGNALS);
    let (control, commands, orders) = LegControl::with_orders();
    let shared: SharedSignals = Arc::new(Mutex::new(Some(signals.clone())));
    let (rtp_control, ends) =
        RtpControl::new(params, shared.clone(), orders, commands.close.clone());
    let leg = RtpLeg {
        stream,
        sockets,
        heard,
        said,
        signals,
        shared,
        began: Instant::now(),
        connected: None,
        updates: 0,
        frames: 0,
    };
    tokio::spawn(leg.run(commands, ends));
    let handle = LegHandle {
        wire,
        frames_in,
        frames_out,
        signals: received,
        control,
    };
    Ok((handle, rtp_control))
}

struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    _ports: [Port; 2],
}

impl Out for &Sockets {
    fn send(&mut self, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        let socket = match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        };
        // A full buffer or an unreachable address costs this packet; sound does not wait.
        if let Err(error) = socket.try_send_to(bytes, to) {
            tracing::trace!(%error, "a packet was not sent");
        }
    }
}

struct RtpLeg {
    stream: Stream,
    sockets: Sockets,
    heard: FrameSender,
    said: FrameReceiver,
    signals: mpsc::Sender<LegSignal>,
    shared: SharedSignals,
    began: Instant,
    /// When signalling said so.
    connected: Option<Instant>,
    updates: u64,
    /// Frames since the leg began.
    frames: u64,
}

impl RtpLeg {
    async fn run(mut self, commands: Commands, mut ends: ControlEnds) {
        let reason = self.live(commands, &mut ends).await;
        let now_us = self.now_us();
        self.stream.bye(now_us, &mut &self.sockets);
        let Self {
            sockets,
            heard,
            said,
            signals,
            shared,
            ..
        } = self;
        drop((sockets, heard, said));
        // From here on signalling has nothing to say to the house.
        shared.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ends);
        // Waits for a slow reader, which costs nothing now, and ends when the reader is gone.
        let _ = signals.send(LegSignal::Closed { reason }).await;
    }

    async fn live(&mut self, mut commands: Commands, ends: &mut ControlEnds) -> CloseReason {
        let mut ticks = interval(Duration::from_millis(FRAME_MS));
        // After a stall the missed frames are made up for: the audio clock is the wall clock.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let signals = self.signals.clone();
        let mut saying = true;
        let mut room = Box::new([0; DATAGRAM_BYTES_MAX + 1]);
        loop {
            let over = tokio::select! {
                _ = self.sockets.rtp.readable() => self.receive(Channel::Rtp, &mut room),
                _ = self.sockets.rtcp.readable() => self.receive(Channel::Rtcp, &mut room),
                _ = ticks.tick() => self.on_tick(ends),
                frame = self.said.recv(), if saying => {
                    saying = frame.is_some();
                    if let Some(frame) = frame {
                        let now_us = self.now_us();
                        self.stream.frame(&frame.pcm, frame.missed, now_us, &mut &self.sockets);
                    }
                    None
                }
                Some(key) = commands.keys.recv() => {
                    self.stream.press(key);
                    None
                }
                changed = ends.wanted.changed() => match changed {
                    Ok(()) => self.on_wanted(ends),
                    // Signalling let go without a word.
                    Err(_) => Some(CloseReason::Lost),
                },
                Ok(()) = commands.close.changed() => Some(CloseReason::Here),
                () = signals.closed() => Some(CloseReason::Here),
            };
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    fn receive(
        &mut self,
        channel: Channel,
        room: &mut [u8; DATAGRAM_BYTES_MAX + 1],
    ) -> Option<CloseReason> {
        for _ in 0..BATCH {
            let socket = match channel {
                Channel::Rtp => &self.sockets.rtp,
                Channel::Rtcp => &self.sockets.rtcp,
            };
            // Errors are those of earlier sending (an unreachable port) or that nothing is left.
            let Ok((length, from)) = socket.try_recv_from(room) else {
                return None;
            };
            let now_us = self.now_us();
            let key = self
                .stream
                .datagram(channel, from, &mut room[..length], now_us);
            if let Some(key) = key {
                let over = self.signal(LegSignal::Key(key));
                if over.is_some() {
                    return over;
                }
            }
        }
        None
    }

    /// Once every 20 ms.
    fn on_tick(&mut self, ends: &ControlEnds) -> Option<CloseReason> {
        let now_us = self.now_us();
        let mut pcm = SILENCE;
        let key = self.stream.tick(now_us, &mut pcm, &mut &self.sockets);
        self.heard.push(&pcm);
        self.frames += 1;
        *ends.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.counts();
        if let Some(key) = key {
            let over = self.signal(LegSignal::Key(key));
            if over.is_some() {
                return over;
            }
        }
        if self.frames.is_multiple_of(QUALITY_FRAMES) {
            self.report_quality();
        }
        self.gone(now_us)
    }

    fn gone(&self, now_us: u64) -> Option<CloseReason> {
        let connected = self.connected.filter(|_| self.stream.expects_sound())?;
        let silent = |since_us| Duration::from_micros(now_us.saturating_sub(since_us));
        match self.stream.heard_us() {
            None => (connected.elapsed() >= NEVER).then_some(CloseReason::NeverConnected),
            Some(at) => {
                (connected.elapsed() >= GONE && silent(at) >= GONE).then_some(CloseReason::Lost)
            }
        }
    }

    fn on_wanted(&mut self, ends: &mut ControlEnds) -> Option<CloseReason> {
        let wanted = ends.wanted.borrow_and_update().clone();
        if wanted.connected {
            self.connected.get_or_insert_with(Instant::now);
        }
        if wanted.updates != self.updates {
            self.updates = wanted.updates;
            // Where a hold ends, a silence of minutes is no sign that the far end is gone.
            self.connected = self.connected.map(|_| Instant::now());
            if let Err(error) = self.stream.update(wanted.params) {
                tracing::error!(%error, "a leg cannot go on with what was agreed on anew");
                return Some(CloseReason::Lost);
            }
        }
        wanted.end
    }

    fn report_quality(&mut self) {
        let quality = self.stream.quality();
        if self.signals.capacity() > RESERVED_SIGNALS {
            let _ = self.signals.try_send(LegSignal::Quality {
                loss_permille: quality.loss_permille,
                jitter_ms: quality.jitter_ms,
                rtt_ms: quality.rtt_ms,
            });
        }
    }

    /// A signal that must not be lost. A reader that has let so many pile up is stuck, and with it
    /// the call.
    fn signal(&self, signal: LegSignal) -> Option<CloseReason> {
        match self.signals.try_send(signal) {
            Ok(()) => None,
            Err(_) => {
                tracing::warn!("nobody reads the signals of a leg; it is closed");
                Some(CloseReason::Here)
            }
        }
    }
}
