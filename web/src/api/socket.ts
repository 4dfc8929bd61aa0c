// A WebSocket that comes back by itself. Messages are handed over parsed; what is not JSON is dropped.

import { socketUrl } from './paths';

const RETRY_MS = [300, 800, 1500, 3000, 5000];

export interface SocketEvents<M> {
  message: (message: M) => void;
  /** True when connected, false when the connection was lost and is being tried again. */
  state?: (connected: boolean) => void;
}

export class LiveSocket<M> {
  #socket: WebSocket | undefined;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    private readonly path: string,
    private readonly events: SocketEvents<M>,
  ) {
    this.#open();
  }

  send(message: unknown): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Lets the connection go and opens a new one at once. */
  reconnect(): void {
    this.#socket?.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #open(): void {
    const socket = new WebSocket(socketUrl(this.path, location));
    this.#socket = socket;
    socket.onopen = () => {
      this.#tries = 0;
      this.events.state?.(true);
    };
    socket.onmessage = (event) => {
      let message: M;
      try {
        message = JSON.parse(String(event.data)) as M;
      } catch {
        return;
      }
      this.events.message(message);
    };
    socket.onclose = () => {
      if (this.#closed || this.#socket !== socket) return;
      this.events.state?.(false);
      const wait = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)] ?? 5000;
      this.#tries += 1;
      this.#timer = setTimeout(() => this.#open(), wait);
    };
  }
}
