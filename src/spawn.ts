/**
 * Spawning. Options are validated once per shape: what was prepared for the same options is used
 * again, so that a spawn in a loop costs little more than the actor itself.
 */
import { type AnyDefinition, codecOf, isDefinition } from './actor.js';
import { ActorRef, coreHere } from './actor-ref.js';
import { Beside, type BesideOptions, type BesideOwner } from './beside.js';
import { CallWaiter } from './call-waiter.js';
import { isObject, mismatch } from './check.js';
import type { Codec } from './codec.js';
import { type Component, componentCore, isComponent } from './component.js';
import { createError, errorFromNative } from './errors.js';
import { type LocalActors, SPAWNED } from './local/local-actors.js';
import { checkName } from './names.js';
import { INLINE_FAILED, type NativePeer, native } from './native.js';
import { besideOptions, type SpawnOptions, type SpawnTemplate, type SystemSettings, spawnTemplate } from './options.js';
import type { Port } from './port.js';
import { RefCore, type RefOwner } from './ref-core.js';
import { tableFull } from './slots.js';

/** Shapes of options that are remembered per component. */
const MAX_SPECS = 256;
const NAME_AT = 8;
const TEMPORARY = 2;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

/** What actors are made of, as one system knows it. */
interface Source {
  /** The definition of a JavaScript actor; `undefined` for a component. */
  readonly definition: AnyDefinition | undefined;
  /** The addon's number for a component, {@link SPAWNED} for a definition. */
  readonly id: number;
  /** Prepared spawns by their options. */
  readonly specs: Map<string, number>;
}

/** Spawns actors for one system. */
export class Spawner {
  readonly #owner: RefOwner;
  readonly #port: Port;
  readonly #actors: LocalActors;
  readonly #beside: BesideOwner;
  readonly #settings: SystemSettings;
  readonly #warn: (fields: object, message: string) => void;
  /** Budgets that were looked at. */
  readonly #budgets = new Set<string>();
  /** Prepared spawns of all definitions: which one it is, is known here and not below. */
  readonly #specs = new Map<string, number>();

  constructor(
    owner: RefOwner,
    actors: LocalActors,
    settings: SystemSettings,
    beside: BesideOwner,
    warn: (fields: object, message: string) => void,
  ) {
    this.#owner = owner;
    this.#beside = beside;
    this.#warn = warn;
    this.#port = owner.port;
    this.#actors = actors;
    this.#settings = settings;
  }

  /** Spawns an actor; resolves when it has come up, or at once if it starts later. */
  spawn(what: Component | AnyDefinition, options: SpawnOptions = {}): Promise<ActorRef<unknown, unknown>> {
    const source = this.#source(what);
    if (!isObject(options)) throw mismatch('options', 'an object', options);
    const given = besideOptions(options);
    return given === undefined ? this.#spawn(source, options) : this.#spawnBeside(source, options, given);
  }

  /** Spawns an actor with hooks or custom state. All of it is checked before the first hook runs. */
  async #spawnBeside(source: Source, options: SpawnOptions, given: BesideOptions): Promise<ActorRef<unknown, unknown>> {
    const template = this.#template(source, options);
    const name = options.name === undefined ? undefined : checkName(options.name, 'name');
    nativePeers(this.#owner, options.peers ?? {}, 'peers');
    if (source.definition === undefined) configBytes(options.config);
    const beside = new Beside(this.#beside, given);
    await beside.before(name);
    try {
      if (this.#port.closed) throw createError('ERR_SHUTDOWN', { message: 'spawn: the system is shut down' });
      const ref = await this.#spawn(source, options, beside);
      if (template.start === 0) await beside.started();
      return ref;
    } catch (error) {
      beside.failed(error);
      throw error;
    }
  }

  #spawn(source: Source, options: SpawnOptions, beside?: Beside): Promise<ActorRef<unknown, unknown>> {
    const key = beside === undefined ? keyOf(options) : undefined;
    let spec = key === undefined ? undefined : source.specs.get(key);
    const name = options.name === undefined ? '' : checkName(options.name, 'name');
    // A JavaScript actor gets its configuration as it is.
    const config = source.definition === undefined ? configBytes(options.config) : EMPTY;
    const inScratch = NAME_AT + 256 + config.length <= this.#port.scratch.bytes.length;
    const isOwn = spec === undefined && (key === undefined || !inScratch || source.specs.size >= MAX_SPECS);
    if (spec === undefined || !inScratch) {
      const template = this.#template(source, options);
      // What the hook before the start has written by now.
      const state = beside?.stateBytes() ?? template.state;
      this.#warnOfBudget(template, name);
      spec = this.#prepare(source, { ...template, state }, options, inScratch ? EMPTY : config);
      if (!isOwn && inScratch) source.specs.set(key!, spec);
    }
    try {
      return this.#start(source, spec, name, inScratch ? config : EMPTY, options, beside);
    } finally {
      if (isOwn || !inScratch) this.#port.native.release(spec);
    }
  }

  #source(what: unknown): Source {
    if (isDefinition(what)) {
      return { definition: what, id: SPAWNED, specs: this.#specs };
    }
    if (!isComponent(what)) {
      throw mismatch('component', 'a component made by system.load, or an actor made by actor()', what);
    }
    const core = componentCore(what);
    if (core.owner !== this.#owner) {
      throw createError('ERR_CONFIG', { message: 'component: it was loaded by another system', path: 'component' });
    }
    return { definition: undefined, id: core.id, specs: core.specs };
  }

  #template(source: Source, options: SpawnOptions): SpawnTemplate {
    const { limits, native } = this.#settings;
    return spawnTemplate(options, { limits, inline: native.inline, local: source.definition !== undefined });
  }

  /** Says what is allowed and probably not meant (`INT-5`), once for each budget. */
  #warnOfBudget(template: SpawnTemplate, name: string): void {
    const { restart, budget } = template;
    const key = [restart, ...Object.values(budget)].join();
    if (this.#budgets.has(key) || this.#budgets.size >= MAX_SPECS) return;
    this.#budgets.add(key);
    // What is never restarted needs no budget.
    if (restart === TEMPORARY) return;
    const actor = name ? `/user/${name}` : undefined;
    for (const warning of native().budgetWarnings(budget))
      this.#warn({ actor }, `spawn ${name || 'an actor'}: ${warning}`);
  }

  #prepare(source: Source, template: SpawnTemplate, options: SpawnOptions, user: Uint8Array): number {
    const complete = { ...template, peers: nativePeers(this.#owner, options.peers ?? {}, 'peers'), user };
    const { native } = this.#port;
    return source.definition === undefined
      ? native.prepare(source.id, complete)
      : native.prepareExternal(source.id, complete);
  }

  #start(
    source: Source,
    spec: number,
    name: string,
    config: Uint8Array,
    options: SpawnOptions,
    beside: Beside | undefined,
  ): Promise<ActorRef<unknown, unknown>> {
    const port = this.#port;
    // What was sent before belongs before: a message to an actor that this one replaces.
    port.flush();
    writeScratch(port, name, config);
    const number = port.slots.peek();
    if (number === 0) throw tableFull();
    const result = port.hot.spawn(spec, number);
    if (result < 0) {
      const context = {
        message: `spawn ${name || 'an actor'}: it did not come up`,
        actor: name ? `/user/${name}` : undefined,
      };
      throw errorFromNative(INLINE_FAILED - result, port.scratchFailure(INLINE_FAILED - result), context);
    }
    const ref = this.#ref(source, name, options);
    if (result === 0) {
      beside?.attach(ref);
      return Promise.resolve(ref);
    }
    // The entry whose number was given above: nothing ran in between.
    const context = { message: `spawn ${name || 'an actor'}: it did not come up` };
    const up = port.call(new CallWaiter(() => ref, context), () => {}) as Promise<ActorRef<unknown, unknown>>;
    beside?.attach(ref);
    return up;
  }

  /** The reference of the address in the scratch buffer. */
  #ref(source: Source, name: string, options: SpawnOptions): ActorRef<unknown, unknown> {
    const { words } = this.#port.scratch;
    const address = [words[0]!, words[1]!, words[2]!, words[3]!, words[4]!] as const;
    const { definition } = source;
    const given = options.codec as Codec<unknown, unknown> | undefined;
    const codec = given ?? (definition === undefined ? undefined : codecOf(definition));
    const path = name ? `/user/${name}` : undefined;
    const core = new RefCore(this.#owner, address, codec, name || undefined, path, definition !== undefined);
    const ref = new ActorRef<unknown, unknown>(core);
    if (definition !== undefined) {
      this.#actors.expect(core, ref, definition, { config: options.config, peers: options.peers ?? {} });
    }
    return ref;
  }
}

function writeScratch(port: Port, name: string, config: Uint8Array): void {
  const { bytes, words } = port.scratch;
  const length = writeName(bytes, name);
  words[0] = length;
  words[1] = config.length;
  if (config.length > 0) bytes.set(config, NAME_AT + ((length + 7) & ~7));
}

/** Most names are ASCII, and short ones are written faster here than by an encoder. */
function writeName(bytes: Uint8Array, name: string): number {
  for (let index = 0; index < name.length; index += 1) {
    const unit = name.charCodeAt(index);
    if (unit > 127) {
      const encoded = encoder.encode(name);
      bytes.set(encoded, NAME_AT);
      return encoded.length;
    }
    bytes[NAME_AT + index] = unit;
  }
  return name.length;
}

/** The addresses behind an actor's peers; `at` is where they were found. */
export function nativePeers(owner: RefOwner, peers: object, at: string): NativePeer[] {
  return Object.entries(peers).map(([name, ref]) => {
    const path = `${at}.${name}`;
    const expected = 'an actor reference; of a pool or a supervisor, one of its children';
    const { index, tagLo, tagHi } = coreHere(ref, owner, path, expected);
    return { name, index, tagLo, tagHi };
  });
}

/** An actor's configuration as the guest gets it; `path` is where it was found. */
export function configBytes(config: unknown, path = 'config'): Uint8Array {
  if (config === undefined) return EMPTY;
  if (config instanceof Uint8Array) return config;
  let text: string | undefined;
  try {
    text = JSON.stringify(config);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw createError('ERR_CONFIG', { message: `${path}: it cannot be written as JSON: ${why}`, path, cause });
  }
  if (text === undefined) throw mismatch(path, 'a Uint8Array, or a value that JSON can write', config);
  return encoder.encode(text);
}

/**
 * A key that is equal for options that mean the same, or `undefined` where there is none that is
 * cheap. Values are taken as they were written: whether they are right is found out once per key.
 */
function keyOf(options: SpawnOptions): string | undefined {
  let key = '';
  for (const field in options) {
    if (field === 'name' || field === 'config') continue;
    const value: unknown = options[field as keyof SpawnOptions];
    const part = field === 'codec' ? codecKey(value) : field === 'subscribe' ? JSON.stringify(value) : keyPart(value);
    if (part === undefined) return undefined;
    key += `${field}=${part};`;
  }
  return key;
}

/** Any codec means the same to the addon; what is none must be refused. */
function codecKey(value: unknown): string | undefined {
  const codec = value as Partial<Codec<unknown>> | null | undefined;
  return typeof codec?.encode === 'function' && typeof codec.decode === 'function' ? 'codec' : undefined;
}

function keyPart(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return value === null || Array.isArray(value) ? undefined : nestedKey(value as Record<string, unknown>);
    default:
      return undefined;
  }
}

function nestedKey(value: Record<string, unknown>): string | undefined {
  let key = '{';
  for (const field in value) {
    const inner = value[field];
    if (typeof inner === 'object' || typeof inner === 'function') return undefined;
    const part = keyPart(inner);
    if (part === undefined) return undefined;
    key += `${field}=${part},`;
  }
  return `${key}}`;
}
