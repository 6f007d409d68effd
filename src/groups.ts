/** Groups: sets of actors under a name, and how they change (`GRP-1`). */
import type { ActorRef } from './actor-ref.js';
import { mismatch } from './check.js';
import { createError, rethrown } from './errors.js';
import { checkName } from './names.js';
import type { NativeAddress, NativeEvent, NativeSystem } from './native.js';

/** How a group has changed. The first call of a watcher has neither `joined` nor `left`. */
export interface GroupChange {
  /** Name of the group. */
  readonly group: string;
  /** Who is in it now, in the order in which they joined. */
  readonly members: readonly ActorRef[];
  /** Who joined. */
  readonly joined: ActorRef | undefined;
  /** Who left, or ended. */
  readonly left: ActorRef | undefined;
}

/** Called at every change of a group. */
export type GroupWatcher = (change: GroupChange) => unknown;

/** What groups need of their system. */
export interface GroupsOptions {
  readonly native: NativeSystem;
  readonly isClosed: () => boolean;
  readonly refOf: (address: NativeAddress, path: string) => ActorRef;
  /** Calls an observer; what it throws is told and harms nobody. */
  readonly guarded: (observer: () => unknown) => void;
}

interface Watch {
  readonly group: string;
  readonly callback: GroupWatcher;
  /** What the addon knows it by; another one after changes were missed. */
  number: number;
  members: readonly ActorRef[];
}

/** The groups of a system, as one environment sees them. */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #watches = new Map<number, Watch>();
  #last = 0;

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  /** Who is in a group, in the order in which they joined. */
  members(group: unknown): readonly ActorRef[] {
    const name = checkName(group, 'group');
    const { native, isClosed } = this.#options;
    return isClosed() ? [] : native.groupMembers(name).map(({ address, path }) => this.#options.refOf(address, path));
  }

  /** Calls back with how the group is, at once, and then with each change; the result ends that. */
  watch(group: unknown, callback: unknown): () => void {
    const name = checkName(group, 'group');
    if (typeof callback !== 'function') throw mismatch('callback', 'a function', callback);
    const { native, isClosed } = this.#options;
    if (isClosed()) throw createError('ERR_SHUTDOWN', { message: 'watchGroup: the system is shut down' });
    const watch: Watch = { group: name, callback: callback as GroupWatcher, number: 0, members: [] };
    try {
      watch.members = this.#begin(watch);
    } catch (error) {
      throw rethrown(error);
    }
    this.#tell(watch, undefined, undefined);
    return () => {
      if (this.#watches.delete(watch.number) && !isClosed()) native.unwatchGroup(name, watch.number);
    };
  }

  /** Watches from now on, under a new number; how the group is. */
  #begin(watch: Watch): readonly ActorRef[] {
    this.#last += 1;
    watch.number = this.#last;
    const members = this.#options.native.watchGroup(watch.group, watch.number);
    // Changes come as completions, so none of them overtakes this.
    this.#watches.set(watch.number, watch);
    return members.map(({ address, path }) => this.#options.refOf(address, path));
  }

  /** Takes a change as the addon wrote it. */
  receive({ watch: number = 0, joined, address, path = '', behind }: NativeEvent): void {
    const watch = this.#watches.get(number);
    if (watch === undefined) return;
    if (behind) this.#options.guarded(() => this.#catchUp(watch));
    if (!address) return;
    const ref = this.#options.refOf(address, path);
    if (joined) {
      watch.members = [...watch.members, ref];
      this.#tell(watch, ref, undefined);
    } else {
      watch.members = watch.members.filter(({ id }) => id !== ref.id);
      this.#tell(watch, undefined, ref);
    }
  }

  /** This environment was too busy to take some changes: what they come to is told as if nothing else had happened. */
  #catchUp(watch: Watch): void {
    const { native, isClosed } = this.#options;
    if (isClosed()) return;
    this.#watches.delete(watch.number);
    native.unwatchGroup(watch.group, watch.number);
    const before = watch.members;
    const now = this.#begin(watch);
    const is = (refs: readonly ActorRef[]) => new Set(refs.map(({ id }) => id));
    const [known, current] = [is(before), is(now)];
    for (const left of before.filter(({ id }) => !current.has(id))) {
      watch.members = watch.members.filter(({ id }) => id !== left.id);
      this.#tell(watch, undefined, left);
    }
    for (const joined of now.filter(({ id }) => !known.has(id))) {
      watch.members = [...watch.members, joined];
      this.#tell(watch, joined, undefined);
    }
    watch.members = now;
  }

  #tell({ group, members, callback }: Watch, joined: ActorRef | undefined, left: ActorRef | undefined): void {
    const change = Object.freeze({ group, members: Object.freeze(members), joined, left });
    this.#options.guarded(() => callback(change));
  }
}
