/** Steps of scenarios about supervisors. */
import {
  type ActorDefinition,
  type ActorRef,
  type Component,
  child,
  type SpawnOptions,
  type Supervisor,
} from '../../src/index.js';
import type { TestSystem } from '../../src/testing/index.js';

/** What a scenario says about a supervisor: its options, with children by their names. */
export interface TreeOptions {
  readonly [option: string]: unknown;
  readonly children: Readonly<Record<string, object>>;
}

/** What an actor of a scenario is made from. */
export interface Made {
  readonly source: Component | ActorDefinition;
  readonly options: SpawnOptions;
}

type Make = (options: object) => Promise<Made>;

/** The options of `system.supervise` for a tree of a scenario. */
export async function treeOptions(tree: TreeOptions, make: Make): Promise<Record<string, unknown>> {
  const { children, backoff, ...rules } = tree;
  const made: Record<string, unknown> = {};
  for (const [key, options] of Object.entries(children)) {
    made[key] = 'children' in options ? await treeOptions(options as TreeOptions, make) : await leaf(options, make);
  }
  return { ...rules, backoff: { ...(backoff as object | undefined), jitter: 0 }, children: made };
}

async function leaf(options: object, make: Make): Promise<unknown> {
  const { restart, significant, ...rest } = options as Record<string, unknown>;
  const { source, options: own } = await make(rest);
  // The budget and the backoff of a child are its supervisor's.
  const { backoff: _, ...kept } = own;
  return child(source as Component, { ...kept, restart, significant } as Parameters<typeof child>[1]);
}

/** The supervisors of a scenario, and the actors below them. */
export class Trees {
  readonly #supervisors = new Map<string, Supervisor>();

  /** Brings a tree up and enters everything below it. */
  async supervise(
    system: TestSystem,
    key: string,
    options: Record<string, unknown>,
    enter: (key: string, ref: ActorRef) => void,
  ): Promise<void> {
    const top = await system.supervise({ name: key, ...options } as Parameters<TestSystem['supervise']>[0]);
    this.#enter(key, top, enter);
  }

  /** The supervisor with a key. */
  of(key: string): Supervisor {
    return this.#supervisors.get(key)!;
  }

  /** Asks a supervisor to do something with a child; resolves with the new reference of one that was restarted. */
  async request(verb: string, key: string, name: string): Promise<ActorRef | undefined> {
    const supervisor = this.of(key);
    if (verb === 'stop') await supervisor.stopChild(name);
    else if (verb === 'delete') await supervisor.deleteChild(name);
    else return (await supervisor.restartChild(name)) as ActorRef;
    return undefined;
  }

  #enter(key: string, supervisor: Supervisor, enter: (key: string, ref: ActorRef) => void): void {
    this.#supervisors.set(key, supervisor);
    for (const [name, handle] of Object.entries(supervisor.children)) {
      if ('children' in handle) this.#enter(name, handle as Supervisor, enter);
      else enter(name, handle as ActorRef);
    }
  }
}
