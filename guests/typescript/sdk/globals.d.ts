/** Globals of a guest: what the engine has beyond the language, and what the SDK adds. */

declare const console: Record<'debug' | 'trace' | 'log' | 'info' | 'warn' | 'error', (...values: unknown[]) => void>;

declare function queueMicrotask(job: () => void): void;
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
