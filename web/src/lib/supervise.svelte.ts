// A supervisor on a running call: listen, whisper, barge in, take over.

import { client } from '../api/client';
import type { SuperviseMode } from '../api/event';
import { audioContext } from './audio';
import { microphone, VoiceError, VoiceLeg, type VoiceTrouble } from './webrtc';

export class Supervision {
  call = $state('');
  mode = $state<SuperviseMode>('monitor');
  busy = $state(false);
  taken = $state(false);
  trouble = $state<VoiceTrouble | null>(null);
  problem = $state<unknown>(null);
  #leg: VoiceLeg | undefined;

  get on(): boolean {
    return this.call !== '';
  }

  levels(): { mine: number; theirs: number } {
    const level = this.#leg?.levels() ?? { mine: 0, theirs: 0 };
    return { mine: level.theirs, theirs: level.mine };
  }

  /** Steps onto the call, or changes how. */
  async go(call: string, mode: SuperviseMode): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    await this.#guard(async () => {
      if (this.call === call) await client.click(call, { click: 'supervise', mode });
      else await this.#step(call, mode);
      this.mode = mode;
      this.#hearMe();
    });
    this.busy = false;
  }

  async takeOver(): Promise<boolean> {
    const call = this.call;
    if (!call) return false;
    await this.#guard(async () => {
      await client.click(call, { click: 'take_over' });
      this.taken = true;
      this.#hearMe();
    });
    return this.taken;
  }

  async leave(): Promise<void> {
    const call = this.call;
    if (!call) return;
    await this.#guard(() => client.click(call, { click: 'hang_up' }));
    if (!this.taken) this.drop();
  }

  async wrapUp(disposition: string): Promise<void> {
    const call = this.call;
    if (call) await this.#guard(() => client.click(call, { click: 'wrap_up', disposition }));
    this.drop();
  }

  /** The call has ended, or this page goes away. */
  drop(): void {
    this.#leg?.close();
    this.#leg = undefined;
    this.call = '';
    this.taken = false;
    this.mode = 'monitor';
  }

  async #step(call: string, mode: SuperviseMode): Promise<void> {
    if (this.call) await this.leave();
    audioContext();
    const voice = await microphone();
    this.#leg = await VoiceLeg.open(voice, async (sdp) => (await client.supervise(call, sdp, mode)).sdp, {
      lost: () => {
        this.trouble = 'line_lost';
        this.drop();
      },
    });
    this.call = call;
  }

  /** Who only listens is not even sent: a noise in the supervisor's room is nobody's. */
  #hearMe(): void {
    this.#leg?.setMuted(this.mode === 'monitor' && !this.taken);
  }

  async #guard(work: () => Promise<unknown>): Promise<void> {
    this.problem = null;
    this.trouble = null;
    try {
      await work();
    } catch (cause) {
      if (cause instanceof VoiceError) this.trouble = cause.trouble;
      else this.problem = cause;
    }
  }
}
