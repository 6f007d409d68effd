/** The grammar of names (`REG-4`): each is a legal literal subject and one step of a path. */

import { mismatch } from './check.js';
import { createError } from './errors.js';

const MAX_BYTES = 255;
const ORDINARY = /^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/;
/** White space, control characters, halves of surrogate pairs, wildcards, the path's separator. */
const FORBIDDEN = /[\s\p{Cc}\p{Cs}*>/]/u;

/** Returns the name found at `path`, or throws `ERR_NAME_INVALID`. */
export function checkName(value: unknown, path: string): string {
  if (typeof value !== 'string') throw mismatch(path, 'a string', value);
  const fault = nameFault(value);
  if (fault === undefined) return value;
  throw createError('ERR_NAME_INVALID', { message: `${path}: ${JSON.stringify(value)} ${fault}`, path });
}

/** What is wrong with a name, if anything is. */
export function nameFault(name: string): string | undefined {
  return ORDINARY.test(name) ? undefined : faultOf(name);
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty; a name has 1 to 255 bytes';
  if (Buffer.byteLength(name) > MAX_BYTES) return `has ${Buffer.byteLength(name)} bytes; a name has 1 to 255`;
  const [forbidden] = FORBIDDEN.exec(name) ?? [];
  if (forbidden !== undefined) {
    return `contains ${JSON.stringify(forbidden)}; a name has no white space, no control characters, no '*', '>' or '/'`;
  }
  if (name.startsWith('$') || name.startsWith('_INBOX')) return `begins with '$' or '_INBOX', which are reserved`;
  if (name.split('.').includes('')) return 'has an empty part; a dot stands between two parts';
  return undefined;
}
