/** Where a component is loaded from. */
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mismatch } from './check.js';

/** A path as the file system has it, or bytes. */
export function sourceOf(source: unknown): string | Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (source instanceof URL || (typeof source === 'string' && source.startsWith('file:'))) {
    try {
      return fileURLToPath(source);
    } catch {
      throw mismatch('source', 'a file: URL', String(source));
    }
  }
  if (typeof source === 'string' && source !== '' && !source.includes('\0')) return resolvePath(source);
  throw mismatch('source', 'a file: URL, the path of a file, or a Uint8Array', source);
}
