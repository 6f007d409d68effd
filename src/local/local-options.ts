/** Options that mean nothing for an actor in JavaScript: said, instead of ignored. */
import { join } from '../check.js';
import { createError } from '../errors.js';

/** What can be given to any actor, as far as it concerns guests only. */
interface GivenOptions {
  readonly limits?: object | undefined;
  readonly inline?: boolean | undefined;
  readonly stateInConfig?: boolean | undefined;
}

const GUEST_LIMITS = {
  memory: 'a JavaScript actor has no memory of its own, it shares that of the process',
  tableElements: 'a JavaScript actor has no tables',
  instances: 'a JavaScript actor has no core instances',
  stack: 'a JavaScript actor has no stack of its own, it runs on that of its thread',
  hostCallBytes: 'a JavaScript actor makes no calls from a guest to the host',
};
const GUEST_OPTIONS = {
  inline: 'a JavaScript actor always runs on the thread of its system',
  stateInConfig: 'a JavaScript actor gets no configuration frames; it reads context.self.state',
};

/** Throws if one of the options is about guests; `path` is where they were found. Those of the system are none of them. */
export function refuseGuestOptions(given: GivenOptions, path: string): void {
  refuse(given, GUEST_OPTIONS, path);
  refuse(given.limits ?? {}, GUEST_LIMITS, join(path, 'limits'));
}

function refuse(given: object, reasons: Readonly<Record<string, string>>, path: string): void {
  for (const [key, why] of Object.entries(reasons)) {
    if ((given as Record<string, unknown>)[key] === undefined) continue;
    const at = join(path, key);
    throw createError('ERR_CONFIG', { message: `${at}: ${why}; leave it out`, path: at });
  }
}
