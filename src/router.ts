/**
 * Chooses the member of a pool that a message goes to (`QG-2`). Choosing asks nobody: how the members
 * stand is looked at from time to time, and what was sent since is added.
 */
import { mismatch } from './check.js';
import { createError } from './errors.js';
import { READINESS } from './native.js';

/** How a pool spreads messages over its members. */
export type Routing = 'round-robin' | 'random' | 'least-queued' | 'hash';

/** What keeps messages together: equal keys lead to one member. */
export type RoutingKey = string | number | bigint;

/** A member, as a router knows it. */
export interface Candidate<Target> {
  readonly target: Target;
  /** A number of its own, which its restarts do not change. */
  readonly seed: number;
  /** One of {@link READINESS}. */
  readiness: number;
  /** Messages in its mailbox and its hands at the last look. */
  queued: number;
  /** Messages that were sent to it from here since. */
  sent: number;
}

/** What a router needs. */
export interface RouterOptions<Target> {
  readonly routing: Routing;
  /** The key of a message, with the routing `hash`. */
  readonly hash: ((message: never) => unknown) | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Asks how the members stand. */
  readonly look: () => readonly Candidate<Target>[];
  /** Shortest time between two looks, in milliseconds. */
  readonly lookEveryMs: number;
}

/** In one go, the clock is looked at once for so many messages. */
const STRIDE = 64;
/** A look that takes long is repeated the later: at most this share of the time goes into looking. */
const LOOK_SHARE = 1 / 50;
const TICK = Promise.resolve();

/** Chooses. */
export class Router<Target> {
  readonly #options: RouterOptions<Target>;
  #members: readonly Candidate<Target>[] = [];
  /** Those to choose from: the best there are. */
  #usable: readonly Candidate<Target>[] = [];
  /** Those that keep their keys: all that have not ended. */
  #lasting: readonly Candidate<Target>[] = [];
  #nextLookMs = 0;
  #turn = false;
  #chosen = 0;
  #next = 0;

  constructor(options: RouterOptions<Target>) {
    this.#options = options;
  }

  /** Where a message goes; `undefined` when no member takes messages. */
  choose(message: unknown): Target | undefined {
    this.#chosen = (this.#chosen + 1) % STRIDE;
    if (!this.#turn || this.#chosen === 0) this.#lookIfDue();
    const member = this.#pick(message);
    if (member === undefined) return undefined;
    member.sent += 1;
    return member.target;
  }

  /** The members have changed, as far as is known here. */
  stale(): void {
    this.#nextLookMs = 0;
    this.#turn = false;
  }

  #pick(message: unknown): Candidate<Target> | undefined {
    const { routing, hash, random } = this.#options;
    const usable = this.#usable;
    switch (routing) {
      case 'hash':
        return heaviest(this.#lasting, keyHash(hash!(message as never)));
      case 'random':
        return usable[Math.floor(random() * usable.length)];
      case 'least-queued':
        return this.#least(usable);
      default:
        this.#next = (this.#next + 1) % (usable.length || 1);
        return usable[this.#next];
    }
  }

  /** The one with the fewest messages; among equals each in turn. */
  #least(usable: readonly Candidate<Target>[]): Candidate<Target> | undefined {
    let least: Candidate<Target> | undefined;
    this.#next = (this.#next + 1) % (usable.length || 1);
    for (let step = 0; step < usable.length; step += 1) {
      const member = usable[(this.#next + step) % usable.length]!;
      if (least === undefined || member.queued + member.sent < least.queued + least.sent) least = member;
    }
    return least;
  }

  #lookIfDue(): void {
    if (!this.#turn) {
      this.#turn = true;
      TICK.then(this.#endTurn);
    }
    const nowMs = performance.now();
    if (nowMs < this.#nextLookMs) return;
    const { look, lookEveryMs } = this.#options;
    this.#members = look();
    const lasting = this.#members.filter(({ readiness }) => readiness !== READINESS.gone);
    const best = Math.max(READINESS.coming, ...lasting.map(({ readiness }) => readiness));
    this.#usable = lasting.filter(({ readiness }) => readiness === best);
    this.#lasting = lasting;
    const tookMs = performance.now() - nowMs;
    this.#nextLookMs = lookEveryMs === 0 ? 0 : nowMs + Math.max(lookEveryMs, tookMs / LOOK_SHARE);
  }

  readonly #endTurn = (): void => {
    this.#turn = false;
  };
}

/**
 * The member with the highest weight for a key (rendezvous hashing): each key has its own order of the
 * members, so one that goes gives up its own keys, and one that comes takes its share, and no other key moves.
 */
function heaviest<Target>(members: readonly Candidate<Target>[], key: number): Candidate<Target> | undefined {
  let best: Candidate<Target> | undefined;
  let most = -1;
  for (const member of members) {
    const weight = mix(key ^ member.seed);
    if (weight <= most) continue;
    most = weight;
    best = member;
  }
  return best;
}

function keyHash(key: unknown): number {
  switch (typeof key) {
    case 'string':
      return textHash(key);
    case 'bigint':
    case 'number':
      return textHash(String(key));
    default: {
      const { message } = mismatch('hash', 'a string, a number or a bigint as the key of a message', key);
      throw createError('ERR_VALUE', { message });
    }
  }
}

/** FNV-1a over UTF-16 units. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: every bit of the input changes half of those of the result. */
export function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
