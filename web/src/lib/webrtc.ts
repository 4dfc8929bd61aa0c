// One voice leg over WebRTC: an offer made here, the answer fetched over HTTP.

import { LevelMeter, audioContext } from './audio';

/** What keeps a call from starting or going on, as far as the page can tell. */
export type VoiceTrouble = 'no_webrtc' | 'insecure' | 'mic_refused' | 'mic_missing' | 'mic_busy' | 'bad_answer' | 'line_lost';

export class VoiceError extends Error {
  constructor(readonly trouble: VoiceTrouble) {
    super(trouble);
  }
}

const GATHERING_MS_MAX = 2000;
const LOST_MS = 8000;

export async function microphone(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new VoiceError(window.isSecureContext ? 'no_webrtc' : 'insecure');
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') throw new VoiceError('mic_refused');
    if (name === 'NotFoundError' || name === 'OverconstrainedError') throw new VoiceError('mic_missing');
    throw new VoiceError('mic_busy');
  }
}

export interface VoiceLegEvents {
  /** The other side's sound can be heard. */
  connected?: () => void;
  /** The line was lost for good. */
  lost?: () => void;
}

export class VoiceLeg {
  #pc: RTCPeerConnection;
  #sender: RTCRtpSender;
  #player = new Audio();
  #mine: LevelMeter;
  #theirs: LevelMeter | undefined;
  #lostTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(
    private readonly voice: MediaStream,
    private readonly events: VoiceLegEvents,
  ) {
    audioContext();
    this.#pc = new RTCPeerConnection();
    const track = voice.getAudioTracks()[0];
    if (!track) throw new VoiceError('mic_missing');
    this.#sender = this.#pc.addTrack(track, voice);
    this.#mine = new LevelMeter(voice);
    this.#pc.ontrack = (event) => this.#hear(event.streams[0] ?? new MediaStream([event.track]));
    this.#pc.onconnectionstatechange = () => this.#watch();
  }

  /** Makes the offer, hands it to `ask` and takes the answer. The voice is let go if that fails. */
  static async open(voice: MediaStream, ask: (sdp: string) => Promise<string>, events: VoiceLegEvents = {}): Promise<VoiceLeg> {
    if (typeof RTCPeerConnection === 'undefined') throw new VoiceError('no_webrtc');
    const leg = new VoiceLeg(voice, events);
    try {
      await leg.#pc.setLocalDescription(await leg.#pc.createOffer());
      await leg.#gathered();
      const answer = await ask(leg.#pc.localDescription?.sdp ?? '');
      try {
        await leg.#pc.setRemoteDescription({ type: 'answer', sdp: answer });
      } catch {
        throw new VoiceError('bad_answer');
      }
      return leg;
    } catch (cause) {
      leg.close();
      throw cause;
    }
  }

  setMuted(muted: boolean): void {
    for (const track of this.voice.getAudioTracks()) track.enabled = !muted;
  }

  /** Sends a key as a telephone event; false where the peer did not take them. */
  key(key: string): boolean {
    if (!this.#sender.dtmf?.canInsertDTMF) return false;
    this.#sender.dtmf.insertDTMF(key, 120, 60);
    return true;
  }

  levels(): { mine: number; theirs: number } {
    return { mine: this.#mine.level(), theirs: this.#theirs?.level() ?? 0 };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lostTimer);
    this.#player.pause();
    this.#player.srcObject = null;
    this.#mine.close();
    this.#theirs?.close();
    for (const track of this.voice.getTracks()) track.stop();
    this.#pc.close();
  }

  #hear(stream: MediaStream): void {
    this.#player.srcObject = stream;
    // The call began with a click, so playing is allowed; a refusal shows as a silent meter.
    void this.#player.play().catch(() => undefined);
    this.#theirs?.close();
    this.#theirs = new LevelMeter(stream);
  }

  #watch(): void {
    const state = this.#pc.connectionState;
    if (state === 'connected') {
      clearTimeout(this.#lostTimer);
      this.#lostTimer = undefined;
      this.events.connected?.();
    } else if (state === 'failed') {
      this.events.lost?.();
    } else if (state === 'disconnected') {
      // A short outage heals by itself; only a long one is the end of the call.
      this.#lostTimer ??= setTimeout(() => this.events.lost?.(), LOST_MS);
    }
  }

  /** The engine takes no trickled candidates, so the offer waits for all of them, within bounds. */
  #gathered(): Promise<void> {
    const pc = this.#pc;
    if (pc.iceGatheringState === 'complete') return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHERING_MS_MAX);
      pc.addEventListener('icegatheringstatechange', () => {
        if (pc.iceGatheringState !== 'complete') return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
