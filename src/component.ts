/** A loaded component: compiled once per content, readable before anything runs. */
import { inspect } from 'node:util';

/** What the addon says about a component. */
export interface ComponentInfo {
  readonly id: number;
  readonly hash: string;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  readonly hasStart: boolean;
  readonly fromCache: boolean;
  readonly bytes: number;
  readonly memory: { readonly initial: number; readonly maximum: number | null };
  readonly compileMs: number;
}

/** @internal What stands behind a component. */
export interface ComponentCore {
  /** The system that loaded it. */
  readonly owner: object;
  readonly id: number;
  /** Prepared spawns by their options. */
  readonly specs: Map<string, number>;
}

/** @internal */
export let componentCore: (component: Component) => ComponentCore;
/** @internal */
export let isComponent: (value: unknown) => value is Component;

/** A component that actors can be spawned from. Made by `system.load`. */
export class Component {
  /** Names of what it imports. */
  readonly imports: readonly string[];
  /** Names of what it exports. */
  readonly exports: readonly string[];
  /** SHA-256 of its bytes, in hexadecimal digits. */
  readonly hash: string;
  /** Length of its file in bytes. */
  readonly bytes: number;
  /** Whether its compiled form came from the cache. */
  readonly fromCache: boolean;
  /** How long it took to compile, in milliseconds; 0 from the cache. */
  readonly compileMs: number;
  readonly #core: ComponentCore;

  static {
    componentCore = component => component.#core;
    isComponent = (value): value is Component => typeof value === 'object' && value !== null && #core in value;
  }

  /** @internal */
  constructor(owner: object, info: ComponentInfo) {
    this.imports = Object.freeze([...info.imports]);
    this.exports = Object.freeze([...info.exports]);
    this.hash = info.hash;
    this.bytes = info.bytes;
    this.fromCache = info.fromCache;
    this.compileMs = info.compileMs;
    this.#core = { owner, id: info.id, specs: new Map() };
    Object.freeze(this);
  }

  /** @internal */
  [inspect.custom](): string {
    return `Component(${this.hash.slice(0, 12)}, ${this.bytes} bytes, exports ${this.exports.join(', ') || 'nothing'})`;
  }
}
