/** Globals of a guest: what the engine has beyond the language, and what the SDK adds. */

declare const console: Record<'debug' | 'trace' | 'log' | 'info' | 'warn' | 'error', (...values: unknown[]) => void>;

declare function queueMicrotask(job: () => void): void;
/** Runs a function later, or again and again; timers end with the actor's life. At most 1,000 at a time. */
declare function setTimeout<Args extends unknown[]>(
  run: (...args: Args) => unknown,
  delay?: number,
  ...args: Args
): number;
declare function setInterval<Args extends unknown[]>(
  run: (...args: Args) => unknown,
  delay?: number,
  ...args: Args
): number;
declare function clearTimeout(timer: number | undefined): void;
declare function clearInterval(timer: number | undefined): void;
declare function atob(base64: string): string;
declare function btoa(binary: string): string;
declare const performance: { now(): number };

declare class TextEncoder {
  readonly encoding: string;
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(input: string, bytes: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  decode(input?: ArrayBuffer | ArrayBufferView): string;
}
