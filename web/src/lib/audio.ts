// Sound in the page: level meters, the ring, and a recorded caller as a microphone.

let shared: AudioContext | undefined;

/** The page's one audio context. Must first be asked for from a click, or the browser keeps it silent. */
export function audioContext(): AudioContext {
  shared ??= new AudioContext({ latencyHint: 'interactive' });
  if (shared.state === 'suspended') void shared.resume();
  return shared;
}

/** Loudness of a stream, 0..1 on a scale that follows the ear. */
export class LevelMeter {
  #source: MediaStreamAudioSourceNode;
  #analyser: AnalyserNode;
  #samples: Float32Array<ArrayBuffer>;

  constructor(stream: MediaStream) {
    const context = audioContext();
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }
  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return loudness(this.#samples);
  }
  close(): void {
    this.#source.disconnect();
  }
}

/** Root mean square of samples on a decibel scale: −60 dB and below is 0, −6 dB and above is 1. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i += 1) sum += (samples[i] ?? 0) ** 2;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 60) / 54));
}

/** A soft two-tone ring, one second on and two off, until stopped. */
export class Ring {
  #gain: GainNode;
  #tones: OscillatorNode[] = [];
  #timer: ReturnType<typeof setInterval>;

  constructor() {
    const context = audioContext();
    this.#gain = context.createGain();
    this.#gain.gain.value = 0;
    this.#gain.connect(context.destination);
    for (const hertz of [523.25, 659.25]) {
      const tone = context.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(this.#gain);
      tone.start();
      this.#tones.push(tone);
    }
    const once = () => {
      const now = context.currentTime;
      for (const start of [0, 0.45]) {
        this.#gain.gain.setValueAtTime(0.0001, now + start);
        this.#gain.gain.exponentialRampToValueAtTime(0.12, now + start + 0.03);
        this.#gain.gain.exponentialRampToValueAtTime(0.0001, now + start + 0.38);
      }
    };
    once();
    this.#timer = setInterval(once, 3000);
  }
  stop(): void {
    clearInterval(this.#timer);
    for (const tone of this.#tones) tone.stop();
    this.#gain.disconnect();
  }
}

/**
 * A WAV file as a microphone: slices of it go into a stream for the call, and quietly to the
 * loudspeaker, so that whoever watches hears the caller too.
 */
export class RecordedVoice {
  readonly stream: MediaStream;
  #out: MediaStreamAudioDestinationNode;
  #aloud: GainNode;
  #playing: AudioBufferSourceNode | undefined;

  private constructor(private readonly sound: AudioBuffer) {
    const context = audioContext();
    this.#out = context.createMediaStreamDestination();
    this.#aloud = context.createGain();
    this.#aloud.gain.value = 0.4;
    this.#aloud.connect(context.destination);
    this.stream = this.#out.stream;
  }

  static async load(url: string): Promise<RecordedVoice> {
    const answer = await fetch(url, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`);
    return new RecordedVoice(await audioContext().decodeAudioData(await answer.arrayBuffer()));
  }

  play(from_ms: number, to_ms: number): void {
    this.stop();
    const source = audioContext().createBufferSource();
    source.buffer = this.sound;
    source.connect(this.#out);
    source.connect(this.#aloud);
    source.start(0, from_ms / 1000, Math.max(0, to_ms - from_ms) / 1000);
    this.#playing = source;
  }
  stop(): void {
    this.#playing?.stop();
    this.#playing = undefined;
  }
  close(): void {
    this.stop();
    this.#aloud.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
  }
}
