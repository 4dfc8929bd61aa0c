//! The task that owns one WebRTC leg.

use crate::EdgeError;
use crate::frames::{self, Frame, FrameReceiver, FrameSender};
use crate::leg::{CloseReason, Commands, FRAMES_MS, LegControl, LegHandle, LegSignal, SIGNALS};
use crate::outgoing::Outgoing;
use crate::sdp::AudioFormats;
use crate::webrtc_peer::{Peer, PeerEvent};
use bytes::Bytes;
use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp::Packet;
use sidetone_media::event::EventReceiver;
use sidetone_media::jitter::JitterMetrics;
use sidetone_media::{FRAME_MS, Playout, SILENCE};
use sidetone_types::Wire;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{RTCPeerConnectionState, StatsSelector};

const CONNECT: Duration = Duration::from_secs(15);
/// Packets that wait between the stack and the leg: more than a second.
const PACKETS: usize = 64;
/// Frames between looks at the encrypted transport, and between quality reports.
const WATCH_FRAMES: u64 = 10;
const QUALITY_FRAMES: u64 = 100;
/// Places in the signal channel that quality reports leave free.
const RESERVED_SIGNALS: usize = 16;
/// The stack takes a packet at once unless it is stuck; then the packet is worth nothing.
const SEND: Duration = Duration::from_millis(20);

/// Starts the leg of a connection whose descriptions are exchanged.
pub(crate) async fn start(mut peer: Peer, formats: AudioFormats) -> Result<LegHandle, EdgeError> {
    let codecs =
        Outgoing::new(peer.ssrc, formats.clone()).and_then(|out| Ok((out, Playout::new()?)));
    let (outgoing, playout) = match codecs {
        Ok(codecs) => codecs,
        Err(error) => {
            peer.close().await;
            return Err(error.into());
        }
    };
    let (heard, frames_in) = frames::channel(FRAMES_MS);
    let (frames_out, said) = frames::channel(FRAMES_MS);
    let (signals, received) = mpsc::channel(SIGNALS);
    let (control, commands) = LegControl::new();
    let (packets_in, packets) = mpsc::channel(PACKETS);
    let leg = WebRtcLeg {
        outgoing,
        playout,
        keys: EventReceiver::default(),
        began: Instant::now(),
        connected: false,
        track_taken: false,
        frames: 0,
        last: JitterMetrics::default(),
        peer,
        formats,
        heard,
        said,
        signals,
        packets_in,
    };
    tokio::spawn(leg.run(commands, packets));
    Ok(LegHandle {
        wire: Wire::WebRtc,
        frames_in,
        frames_out,
        signals: received,
        control,
    })
}

/// A packet and when it came.
type Arrived = (Packet, Instant);

struct WebRtcLeg {
    peer: Peer,
    formats: AudioFormats,
    heard: FrameSender,
    said: FrameReceiver,
    signals: mpsc::Sender<LegSignal>,
    packets_in: mpsc::Sender<Arrived>,
    playout: Playout<Bytes>,
    keys: EventReceiver,
    outgoing: Outgoing,
    began: Instant,
    connected: bool,
    track_taken: bool,
    /// Frames since the leg began.
    frames: u64,
    /// Counters at the last quality report.
    last: JitterMetrics,
}

impl WebRtcLeg {
    async fn run(mut self, commands: Commands, packets: mpsc::Receiver<Arrived>) {
        let reason = self.live(commands, packets).await;
        self.peer.close().await;
        let Self {
            peer,
            signals,
            heard,
            said,
            ..
        } = self;
        drop((peer, heard, said));
        // Waits for a slow reader, which costs nothing now, and ends when the reader is gone.
        let _ = signals.send(LegSignal::Closed { reason }).await;
    }

    async fn live(
        &mut self,
        mut commands: Commands,
        mut packets: mpsc::Receiver<Arrived>,
    ) -> CloseReason {
        let mut ticks = interval(Duration::from_millis(FRAME_MS));
        // After a stall the missed frames are made up for: the audio clock is the wall clock.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let signals = self.signals.clone();
        let mut saying = true;
        loop {
            let over = tokio::select! {
                event = self.peer.events.recv() => match event {
                    Some(event) => self.on_peer(event).await,
                    None => Some(CloseReason::Lost),
                },
                Some(arrived) = packets.recv() => self.on_packet(arrived).await,
                frame = self.said.recv(), if saying => {
                    saying = frame.is_some();
                    self.on_frame(frame).await;
                    None
                }
                _ = ticks.tick() => self.on_tick().await,
                Some(key) = commands.keys.recv() => {
                    self.outgoing.press(key);
                    None
                }
                Ok(()) = commands.close.changed() => Some(CloseReason::Here),
                () = signals.closed() => Some(CloseReason::Here),
            };
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    async fn on_peer(&mut self, event: PeerEvent) -> Option<CloseReason> {
        match event {
            PeerEvent::State(RTCPeerConnectionState::Connected) => {
                if !self.connected {
                    self.connected = true;
                    self.peer.watch_transport().await;
                    return self.signal(LegSignal::Connected);
                }
                None
            }
            PeerEvent::State(RTCPeerConnectionState::Failed) => Some(if self.connected {
                CloseReason::Lost
            } else {
                CloseReason::NeverConnected
            }),
            PeerEvent::State(RTCPeerConnectionState::Closed) => Some(CloseReason::FarEnd),
            PeerEvent::Track(track) if !self.track_taken => {
                self.track_taken = true;
                tokio::spawn(read_track(track, self.packets_in.clone()));
                None
            }
            _ => None,
        }
    }

    async fn on_packet(&mut self, (packet, at): Arrived) -> Option<CloseReason> {
        let arrived_us = at.saturating_duration_since(self.began).as_micros() as u64;
        let header = &packet.header;
        if header.payload_type == self.formats.opus && !packet.payload.is_empty() {
            self.playout.push(
                header.sequence_number,
                header.timestamp,
                arrived_us,
                packet.payload,
            );
            return None;
        }
        self.playout
            .push_silent(header.sequence_number, header.timestamp, arrived_us);
        let is_key = self
            .formats
            .event
            .is_some_and(|(number, _)| number == header.payload_type);
        if is_key && let Some(key) = self.keys.push(header.timestamp, &packet.payload) {
            return self.signal(LegSignal::Key(key));
        }
        None
    }

    async fn on_frame(&mut self, frame: Option<Frame>) {
        let Some(frame) = frame else { return };
        if self.connected
            && let Some(packet) = self
                .outgoing
                .frame(&frame.pcm, frame.missed, Instant::now())
        {
            self.send(packet).await;
        }
    }

    /// Once every 20 ms.
    async fn on_tick(&mut self) -> Option<CloseReason> {
        let mut pcm = SILENCE;
        self.playout
            .pull(self.began.elapsed().as_micros() as u64, &mut pcm);
        self.heard.push(&pcm);
        self.frames += 1;
        if !self.connected {
            return (self.began.elapsed() > CONNECT).then_some(CloseReason::NeverConnected);
        }
        if let Some(packet) = self.outgoing.key_packet() {
            self.send(packet).await;
        }
        if self.frames.is_multiple_of(WATCH_FRAMES) && self.far_end_left().await {
            return Some(CloseReason::FarEnd);
        }
        if self.frames.is_multiple_of(QUALITY_FRAMES) {
            self.report_quality().await;
        }
        None
    }

    async fn send(&mut self, packet: Packet) {
        match timeout(SEND, self.peer.track.write_rtp(packet)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a packet was not sent"),
            Err(_) => tracing::debug!("a packet was not sent: the stack is stuck"),
        }
    }

    /// The far end's goodbye ends the encrypted transport and leaves the network path as it is, so
    /// the connection's own state does not tell.
    async fn far_end_left(&mut self) -> bool {
        let Some(transport) = &self.peer.dtls else {
            return false;
        };
        matches!(
            transport.state().await,
            Ok(RTCDtlsTransportState::Closed | RTCDtlsTransportState::Failed)
        )
    }

    async fn report_quality(&mut self) {
        let now = self.playout.metrics().jitter;
        let lost = now.lost.saturating_sub(self.last.lost);
        let received = now.received.saturating_sub(self.last.received);
        self.last = now;
        let report = self
            .peer
            .connection
            .get_stats(Instant::now(), StatsSelector::None)
            .await;
        let rtt_s = report
            .candidate_pairs()
            .map(|pair| pair.current_round_trip_time)
            .fold(0.0, f64::max);
        if self.signals.capacity() > RESERVED_SIGNALS {
            let _ = self.signals.try_send(LegSignal::Quality {
                loss_permille: (lost * 1000 / (lost + received).max(1)) as u16,
                jitter_ms: now.jitter_ms,
                rtt_ms: (rtt_s > 0.0).then_some((rtt_s * 1000.0) as u32),
            });
        }
        // Losses are mostly the same in both directions; what is lost here is what we know.
        self.outgoing
            .expect_loss((lost * 100 / (lost + received).max(1)) as u8 + 5);
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

/// Brings the packets of a track to the leg, stamped with the time they came.
async fn read_track(track: Arc<dyn TrackRemote>, packets: mpsc::Sender<Arrived>) {
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else {
            continue;
        };
        match packets.try_send((packet, Instant::now())) {
            Err(mpsc::error::TrySendError::Closed(_)) => return,
            // The leg's task is late; the packet counts as lost.
            Err(mpsc::error::TrySendError::Full(_)) | Ok(()) => {}
        }
    }
}
