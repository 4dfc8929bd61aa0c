// Titles of intents, names of flows, slots, queues and agents as the reader wants them.

import { client } from '../api/client';
import type { IntentTitle, Wallboard } from '../api/types';
import { plain } from './format';
import { pick, tMaybe } from './prefs.svelte';

class Names {
  #intents = $state<Record<string, IntentTitle>>({});
  #agents = $state<Record<string, { zh: string; en: string }>>({});
  #queues = $state<Record<string, { zh: string; en: string }>>({});
  #asked = false;

  /** Asks once for the titles; a page works without them. */
  async load(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    try {
      this.learnIntents(await client.intents());
    } catch {
      this.#asked = false;
    }
  }
  learnIntents(titles: IntentTitle[]): void {
    for (const one of titles) this.#intents[one.intent] = one;
  }
  learnBoard(board: Pick<Wallboard, 'agents' | 'queues'>): void {
    for (const one of board.agents) this.#agents[one.agent] = { zh: one.display_zh, en: one.display_en };
    for (const one of board.queues) this.#queues[one.queue] = { zh: one.name_zh, en: one.name_en };
  }
  learnAgent(id: string, zh: string, en: string): void {
    this.#agents[id] = { zh, en };
  }
  /** Asks who is who, on pages that have no wallboard. */
  async loadPeople(): Promise<void> {
    try {
      const found = await client.transferTargets();
      for (const one of found.people) this.learnAgent(one.id, one.display_zh, one.display_en);
      for (const one of found.queues) this.#queues[one.queue] = { zh: one.name_zh, en: one.name_en };
    } catch {
      // Log-in names are shown instead.
    }
  }
  get agentIds(): string[] {
    return Object.keys(this.#agents);
  }
  get intentIds(): string[] {
    return Object.keys(this.#intents);
  }

  intent(id: string | null | undefined): string {
    if (!id) return '–';
    if (id === 'none') return pick('以上都不是', 'None of these');
    const title = this.#intents[id];
    return title ? pick(title.title_zh, title.title_en) : plain(id);
  }
  agent(id: string | null | undefined): string {
    if (!id) return '–';
    const known = this.#agents[id];
    return known ? pick(known.zh, known.en) : id;
  }
  /** The agent's name where this page was told it; a caller's page is not. */
  agentKnown(id: string | null | undefined): string | undefined {
    const known = id ? this.#agents[id] : undefined;
    return known && pick(known.zh, known.en);
  }
  /** The queue's name where this page was told it. */
  queueKnown(id: string | null | undefined): string | undefined {
    const known = id ? this.#queues[id] : undefined;
    return known && pick(known.zh, known.en);
  }
  slot(id: string): string {
    return tMaybe(`slot.${id}`, plain(id));
  }
  /** A slot's value: words of the engine in the reader's language, all else as it is. */
  value(shown: string): string {
    return tMaybe(`value.${shown}`, shown);
  }
  tier(id: string | null | undefined): string {
    return id ? tMaybe(`tier.${id}`, plain(id)) : '';
  }
  outcome(id: string | null | undefined): string {
    return id ? tMaybe(`outcome.${id}`, tMaybe(`disposition.${id}`, plain(id))) : '–';
  }
  /** A mark of the time line: the engine's own words where it sent them, else the event's name. */
  event(mark: { label: string; zh?: string; en?: string }): string {
    return pick(mark.zh, mark.en) || tMaybe(`event.${mark.label}`, plain(mark.label));
  }
}
export const names = new Names();
