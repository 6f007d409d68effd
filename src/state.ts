/** Custom state: a value beside an actor that outlives its lives (`PER-2`). */
import { createError } from './errors.js';

/** A value that belongs to an actor and survives its restarts. It lives in this process, not in the guest. */
export interface CustomState {
  /** The value as it is now. */
  get<State = unknown>(): State;
  /**
   * Replaces the value, or makes a new one of it with a function; returns what it is then. Updates made
   * while a message is handled that fails afterwards are kept.
   */
  update<State = unknown>(next: State | ((value: State) => State)): State;
}

/** What a table of states has to know of an actor. */
interface Owner {
  readonly index: number;
  readonly tagLo: number;
  readonly tagHi: number;
  readonly stopped: Promise<unknown>;
}

/** The states of the actors that live; an ended actor's is kept by its references only. */
export class States {
  readonly #cells = new Map<string, StateCell>();

  /** The state of an actor, made when it is first asked for. */
  of(owner: Owner): StateCell {
    return this.#cells.get(keyOf(owner)) ?? this.put(owner, new StateCell(undefined));
  }

  /** Whether an actor has one. */
  has(owner: Owner): boolean {
    return this.#cells.has(keyOf(owner));
  }

  /** Gives an actor this state. */
  put(owner: Owner, cell: StateCell): StateCell {
    const key = keyOf(owner);
    this.#cells.set(key, cell);
    const forget = (): void => {
      this.#cells.delete(key);
    };
    owner.stopped.then(forget, forget);
    return cell;
  }

  /** How many there are. */
  get size(): number {
    return this.#cells.size;
  }
}

function keyOf({ index, tagLo, tagHi }: Owner): string {
  return `${index}:${tagLo}:${tagHi}`;
}

const encoder = new TextEncoder();

/** The state of one actor. */
export class StateCell implements CustomState {
  #value: unknown;
  /** Hands what a start of the guest shall be given to the addon. */
  #share: ((bytes: Uint8Array) => void) | undefined;

  constructor(value: unknown) {
    this.#value = value;
  }

  get<State = unknown>(): State {
    return this.#value as State;
  }

  update<State = unknown>(next: State | ((value: State) => State)): State {
    const value = typeof next === 'function' ? (next as (value: State) => State)(this.#value as State) : next;
    // Written first: a value that cannot be handed over changes nothing.
    this.#share?.(stateBytes(value, 'state'));
    this.#value = value;
    return value;
  }

  /** From now on every update is handed over. */
  share(share: (bytes: Uint8Array) => void): void {
    this.#share = share;
  }
}

/** A state as a guest's start is given it: bytes as they are, any other value as JSON. */
export function stateBytes(value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  let cause: unknown;
  try {
    const text = JSON.stringify(value ?? null);
    if (text !== undefined) return encoder.encode(text);
  } catch (error) {
    cause = error;
  }
  const why = cause instanceof Error ? cause.message : 'expected a Uint8Array, or a value that JSON can write';
  throw createError('ERR_VALUE', { message: `${path}: it cannot be handed to the guest: ${why}`, path, cause });
}
