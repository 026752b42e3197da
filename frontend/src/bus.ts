// One live socket a page, shared by its elements. An element follows a tag while it is in view.
import { page } from "./page";

export type Sample = readonly [
  tag: number,
  timeUs: number | null,
  value: number | string | boolean | null,
  quality: number,
  reason: number,
];
export interface Follower {
  take(sample: Sample): void;
}
/** `cut`: this page has no connection. The others are the server's: starting, live, silent, cut-off. */
export type LinkState = "starting" | "live" | "silent" | "cut-off" | "cut";

interface Incoming {
  readonly type: string;
  readonly id?: number | null;
  readonly samples?: readonly Sample[];
  readonly state?: LinkState;
  readonly tags?: readonly number[];
}

const PING_MS = 2000;
const PONG_MS = 1000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15000;
const GATHER_MS = 60;
const MAX_TAGS = 4000;
const BAD = 2;
const NOT_COLLECTED = 12;
const UNAUTHORISED = new Set([4401, 4403]);

export class Bus extends EventTarget {
  state: LinkState = "starting";
  /** When the state began, by `performance.now()`. */
  since = performance.now();
  retryAt = 0;
  private socket: WebSocket | null = null;
  private readonly followers = new Map<number, Set<Follower>>();
  private readonly subscribed = new Set<number>();
  private readonly latest = new Map<number, Sample>();
  private readonly due = new Map<number, Sample>();
  private gathering = 0;
  private frame = 0;
  private pinger = 0;
  private ponger = 0;
  private retry = 0;
  private attempts = 0;
  private id = 0;

  constructor(private readonly url: string) {
    super();
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.check();
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.hurry();
    });
  }

  follow(tag: number, follower: Follower): void {
    let all = this.followers.get(tag);
    if (!all) {
      all = new Set();
      this.followers.set(tag, all);
    }
    all.add(follower);
    const known = this.latest.get(tag);
    if (known && this.subscribed.has(tag)) follower.take(known);
    this.open();
    this.gather();
  }

  leave(tag: number, follower: Follower): void {
    const all = this.followers.get(tag);
    all?.delete(follower);
    if (all?.size === 0) this.followers.delete(tag);
    this.gather();
  }

  /** Open the socket, so that its state is known also on a page without values. */
  open(): void {
    if (this.socket || this.retry || !page.signedIn) return;
    const socket = new WebSocket(this.url, ["sealbus.v1"]);
    this.socket = socket;
    const deadline = window.setTimeout(() => this.lost(socket), PONG_MS + PING_MS);
    socket.onopen = () => {
      window.clearTimeout(deadline);
      this.attempts = 0;
      this.subscribed.clear();
      this.gather();
      this.pinger = window.setInterval(() => this.check(), PING_MS);
    };
    socket.onmessage = (event) => this.receive(JSON.parse(String(event.data)) as Incoming);
    socket.onclose = (event) => {
      window.clearTimeout(deadline);
      if (UNAUTHORISED.has(event.code)) this.dispatchEvent(new Event("denied"));
      this.lost(socket);
    };
  }

  private check(): void {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) {
      this.hurry();
      return;
    }
    if (this.ponger) return;
    const socket = this.socket;
    this.send("ping", {});
    this.ponger = window.setTimeout(() => this.lost(socket), PONG_MS);
  }

  /** Try to connect at once instead of after the wait. */
  hurry(): void {
    if (this.socket?.readyState === WebSocket.OPEN || !page.signedIn) return;
    window.clearTimeout(this.retry);
    this.retry = 0;
    this.open();
  }

  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    socket.onclose = socket.onmessage = socket.onopen = null;
    socket.close();
    this.socket = null;
    window.clearInterval(this.pinger);
    window.clearTimeout(this.ponger);
    this.ponger = 0;
    this.subscribed.clear();
    const full = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.attempts++);
    const wait = full / 2 + (Math.random() * full) / 2;
    this.retryAt = performance.now() + wait;
    this.retry = window.setTimeout(() => {
      this.retry = 0;
      this.open();
    }, wait);
    this.change("cut");
  }

  private receive(message: Incoming): void {
    if (message.type === "pong") {
      window.clearTimeout(this.ponger);
      this.ponger = 0;
    } else if (message.type === "state" && message.state) {
      this.change(message.state);
    } else if ((message.type === "values" || message.type === "snapshot") && message.samples) {
      for (const sample of message.samples) this.put(sample);
      if (message.samples.length) this.dispatchEvent(new Event("data"));
    } else if (message.type === "ended" || message.type === "refused") {
      for (const tag of message.tags ?? []) this.put([tag, null, null, BAD, NOT_COLLECTED]);
    }
  }

  private put(sample: Sample): void {
    this.latest.set(sample[0], sample);
    this.due.set(sample[0], sample);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.flush());
  }

  /** All that is due in one frame: slicing it over frames costs more and shows it later. */
  private flush(): void {
    this.frame = 0;
    for (const [tag, sample] of this.due) {
      for (const follower of this.followers.get(tag) ?? []) follower.take(sample);
    }
    this.due.clear();
  }

  private change(state: LinkState): void {
    if (state !== this.state) {
      this.state = state;
      this.since = performance.now();
    }
    this.dispatchEvent(new Event("state"));
  }

  private gather(): void {
    if (!this.gathering) this.gathering = window.setTimeout(() => this.subscribe(), GATHER_MS);
  }

  private subscribe(): void {
    this.gathering = 0;
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const wanted = [...this.followers.keys()].slice(0, MAX_TAGS);
    const added = wanted.filter((tag) => !this.subscribed.has(tag));
    const kept = new Set(wanted);
    const dropped = [...this.subscribed].filter((tag) => !kept.has(tag));
    for (const tag of dropped) {
      this.subscribed.delete(tag);
      this.latest.delete(tag);
    }
    for (const tag of added) this.subscribed.add(tag);
    if (dropped.length) this.send("unsubscribe", { tags: dropped });
    if (added.length) this.send("subscribe", { tags: added });
  }

  private send(type: string, members: Record<string, unknown>): void {
    this.id += 1;
    this.socket?.send(JSON.stringify({ type, id: this.id, ...members }));
  }
}

const scheme = location.protocol === "https:" ? "wss" : "ws";
export const bus = new Bus(`${scheme}://${location.host}/ws/live`);
