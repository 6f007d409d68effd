/** One actor for a name, however many want it at a time (`REG-1`). */
import type { ActorRef } from './actor-ref.js';
import { CallWaiter } from './call-waiter.js';
import { createError, TroupeError } from './errors.js';
import type { NativeFound } from './native.js';
import type { Port } from './port.js';

/** {@link NativeSystem.joinStart}: it has come up. */
const UP = 0;
/** It comes up. */
const STARTING = 1;
/** It goes down. */
const ENDING = 2;
/** Holders that may end, one after the other, before somebody who wants their name gives up. */
const MAX_HOLDERS = 100;

type Ref = ActorRef<unknown, unknown>;
type Spawn = () => Promise<Ref>;

/** Finds the actor of a name, or spawns it. */
export class SpawnOrGet {
  readonly #port: Port;
  readonly #under = new Map<string, Promise<Ref>>();

  constructor(port: Port) {
    this.#port = port;
  }

  /** `spawn` is called when nobody has the name; all who ask meanwhile get what it gives. */
  get(name: string, spawn: Spawn, refOf: (found: NativeFound) => Ref): Promise<Ref> {
    const known = this.#under.get(name);
    if (known !== undefined) return known;
    const found = this.#find(name, spawn, refOf).finally(() => this.#under.delete(name));
    this.#under.set(name, found);
    return found;
  }

  async #find(name: string, spawn: Spawn, refOf: (found: NativeFound) => Ref): Promise<Ref> {
    for (let holders = 0; holders < MAX_HOLDERS; holders += 1) {
      this.#port.flush();
      const found = this.#port.native.find(name);
      if (found === null) {
        try {
          return await spawn();
        } catch (error) {
          // Somebody else was faster.
          if (!(error instanceof TroupeError) || error.code !== 'ERR_NAME_TAKEN') throw error;
        }
      } else if (await this.#hasComeUp(found, name)) {
        return refOf(found);
      }
    }
    const message = `spawnOrGet ${name}: ${MAX_HOLDERS} actors had the name and ended, one after the other`;
    throw createError('ERR_NAME_TAKEN', { message, actor: `/user/${name}` });
  }

  /** Waits for a start that somebody else asked for; `false` when the actor ends or has ended. */
  async #hasComeUp([index, tagLo, tagHi, , , path]: NativeFound, name: string): Promise<boolean> {
    const { native } = this.#port;
    // Until the addon says otherwise: a call that cannot even be made rejects below.
    let state = STARTING;
    const context = { message: `spawnOrGet ${name}: it did not come up`, actor: path };
    const waiter = new CallWaiter(() => state, context);
    // Where there is nothing to wait for, the slot is given back at once.
    const told = this.#port.call(waiter, slot => {
      state = native.joinStart(index, tagLo, tagHi, slot);
      if (state !== STARTING && state !== ENDING) this.#port.cancel(slot, () => {});
    });
    if (state === UP) return true;
    if (state !== STARTING && state !== ENDING) return false;
    try {
      await told;
    } catch (error) {
      // It was stopped before it had come up: the name is free for whoever still wants it.
      const tag = error instanceof TroupeError ? error.data.reason?.tag : undefined;
      if (tag === 'normal' || tag === 'killed') return false;
      throw error;
    }
    return state === STARTING;
  }
}
