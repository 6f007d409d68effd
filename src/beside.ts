/** What lies beside an actor in this environment: its custom state, and its hooks. */
import { type ActorRef, coreOf } from './actor-ref.js';
import type { ExitReason } from './errors.js';
import type { EventHub } from './events.js';
import { HookRunner, type LifecycleHooks } from './lifecycle.js';
import type { Port } from './port.js';
import { StateCell, type States, stateBytes } from './state.js';

/** What it needs of its system. */
export interface BesideOwner {
  readonly port: Port;
  readonly events: EventHub;
  readonly states: States;
  /** Longest wait for a hook that has no limit of its own. */
  readonly hookTimeoutMs: number;
}

/** The options of a spawn that concern it, checked. */
export interface BesideOptions {
  readonly hooks?: LifecycleHooks | undefined;
  readonly hookTimeoutMs?: number | undefined;
  readonly state?: unknown;
  readonly stateInConfig?: boolean | undefined;
}

/** State and hooks of one actor, from before its spawn until its end. */
export class Beside {
  readonly #owner: BesideOwner;
  readonly #cell: StateCell | undefined;
  readonly #runner: HookRunner | undefined;
  readonly #shared: boolean;
  #ref: ActorRef<never, unknown> | undefined;
  #release: (() => void) | undefined;

  constructor(owner: BesideOwner, { hooks, hookTimeoutMs, state, stateInConfig }: BesideOptions) {
    this.#owner = owner;
    this.#shared = stateInConfig === true;
    const hasState = state !== undefined || this.#shared || hooks !== undefined;
    this.#cell = hasState ? new StateCell(state) : undefined;
    if (hooks === undefined) return;
    const failed = (hook: string, error: unknown, path: string): void => owner.events.hookFailed(hook, error, path);
    this.#runner = new HookRunner({ hooks, limitMs: hookTimeoutMs ?? owner.hookTimeoutMs, failed });
  }

  /** The state that the first start is given, if the guest is to have it. */
  stateBytes(): Uint8Array | null {
    return this.#shared ? stateBytes(this.#cell?.get(), 'state') : null;
  }

  /** Runs the hook before the start, and makes sure that nothing of the start is missed. */
  async before(name: string | undefined): Promise<void> {
    if (this.#runner === undefined) return;
    this.tellStart(name);
    await this.#runner.settled();
    this.#release = this.#owner.events.reserve();
  }

  /** Runs the hook before the start, for which nothing waits. */
  tellStart(name: string | undefined): void {
    if (this.#cell !== undefined) this.#runner?.run('preStart', Object.freeze({ name, state: this.#cell }));
  }

  /** The actor has an address. */
  attach(ref: ActorRef<never, unknown>): void {
    this.#ref = ref;
    const core = coreOf(ref);
    if (this.#runner !== undefined) this.#owner.events.observe(ref, this.#runner);
    this.#free();
    const { port, states } = this.#owner;
    if (this.#cell === undefined) return;
    if (this.#shared) {
      this.#cell.share(bytes => {
        if (!port.closed) port.native.setState(core.index, core.tagLo, core.tagHi, bytes);
      });
    }
    states.put(core, this.#cell);
  }

  /** Waits for the hook that is told of the start. */
  async started(): Promise<void> {
    await this.#runner?.up();
  }

  /** The actor did not come up, and leaves nothing behind. */
  failed(error: unknown): void {
    this.#free();
    const ref = this.#ref;
    if (ref === undefined || this.#runner === undefined || this.#cell === undefined) return;
    this.#owner.events.forget(ref);
    const { message = String(error), reason } = error as { message?: string; reason?: ExitReason };
    this.#runner.run('onError', {
      ref,
      path: ref.path,
      incarnation: 1,
      state: this.#cell,
      reason: reason ?? Object.freeze({ tag: 'start-failed', text: message }),
      trap: '',
      backtrace: [],
      stderr: '',
    });
    this.#runner.end();
  }

  /** The actor will not be made. */
  end(): void {
    this.#free();
    this.#runner?.end();
  }

  /** The actor has ended, or will not come up: without an event if there was none before. */
  endUnlessBegun(): void {
    if (this.#runner === undefined || this.#runner.begun) return;
    if (this.#ref !== undefined) this.#owner.events.forget(this.#ref);
    this.end();
  }

  #free(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
