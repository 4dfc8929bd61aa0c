// The sound of one stored call, and where in it one is.

export class Player {
  at_us = $state(0);
  playing = $state(false);
  broken = $state(false);
  rate = $state(1);
  #audio: HTMLAudioElement;
  #frame = 0;
  #wanted: number | undefined;

  constructor(src: string) {
    const audio = new Audio();
    this.#audio = audio;
    audio.preload = 'metadata';
    audio.src = src;
    audio.onplay = () => this.#run();
    audio.onpause = () => this.#rest();
    audio.onended = () => this.#rest();
    audio.onseeked = () => this.#read();
    audio.onerror = () => (this.broken = true);
    audio.onloadedmetadata = () => {
      if (this.#wanted !== undefined) audio.currentTime = this.#wanted;
      this.#wanted = undefined;
    };
  }

  toggle(): void {
    if (this.#audio.paused) void this.#audio.play().catch(() => (this.broken = true));
    else this.#audio.pause();
  }
  /** Goes to a moment; plays on from there if `play`. */
  seek(at_us: number, play = false): void {
    const seconds = Math.max(0, at_us / 1e6);
    this.at_us = seconds * 1e6;
    if (this.#audio.readyState === 0) this.#wanted = seconds;
    else this.#audio.currentTime = seconds;
    if (play && this.#audio.paused) this.toggle();
  }
  setRate(rate: number): void {
    this.rate = rate;
    this.#audio.playbackRate = rate;
    this.#audio.preservesPitch = true;
  }
  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#audio.pause();
    this.#audio.removeAttribute('src');
    this.#audio.load();
  }

  #read(): void {
    this.at_us = this.#audio.currentTime * 1e6;
  }
  #run(): void {
    this.playing = true;
    const step = () => {
      this.#read();
      this.#frame = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.#frame);
    step();
  }
  #rest(): void {
    this.playing = false;
    cancelAnimationFrame(this.#frame);
    this.#read();
  }
}
