/** Systems and components for tests. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as loopTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import {
  type ActorRef,
  ActorSystem,
  type EventName,
  type Logger,
  type SystemOptions,
  type TroupeEvents,
} from '../../src/index.js';

/** The repository's folder, from wherever this file was built to. */
export const ROOT = rootOf(dirname(fileURLToPath(import.meta.url)));

/** The first byte that makes a fixture do what it is named for. */
export const TRIGGER = Uint8Array.of(0xff);

function rootOf(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootOf(dirname(folder));
}

/** Path of a built guest. */
export function guest(name: string): string {
  return join(ROOT, 'build', 'guests', `${name}.wasm`);
}

/** A silent system that ends with its test. */
export async function systemFor(t: ExecutionContext, options: SystemOptions = {}): Promise<ActorSystem> {
  const system = await ActorSystem.create({ cache: false, logger: false, ...options });
  t.teardown(() => system.shutdown({ deadline: '2s' }));
  return system;
}

/** A logger that keeps what it is told. */
export function memoryLogger(): { logger: Logger; lines: [level: string, message: string][] } {
  const lines: [string, string][] = [];
  const at = (level: string) => (_: object, message: string) => void lines.push([level, message]);
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

/** The next event of a kind that `matches`. */
export function nextEvent<Name extends EventName>(
  system: ActorSystem,
  name: Name,
  matches: (event: TroupeEvents[Name]) => boolean = () => true,
): Promise<TroupeEvents[Name]> {
  return new Promise(resolve => {
    const off = system.on(name, event => {
      if (!matches(event)) return;
      off();
      resolve(event);
    });
  });
}

/** Turns the event loop until `condition` holds; the test's own time limit bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await loopTurn();
}

/** Waits until nothing is under way, and checks that the sums agree. */
export async function balanced(t: ExecutionContext, system: ActorSystem): Promise<ReturnType<ActorSystem['audit']>> {
  await until(() => {
    const { queued, inHand } = system.audit();
    return queued === 0 && inHand === 0;
  });
  const audit = system.audit();
  t.true(audit.balanced, JSON.stringify(audit));
  t.is(audit.offered, audit.accepted + audit.refused.total);
  const settled = audit.handled + audit.failedInHandler + audit.discarded.total + audit.expired + audit.aborted;
  t.is(audit.accepted, settled);
  return audit;
}

/** Whether an actor answers: the process, its threads and the system are alive. */
export async function answers(ref: ActorRef): Promise<boolean> {
  const reply = await ref.ask(Uint8Array.of(1, 2, 3));
  return reply.length === 3 && reply[2] === 3;
}

/** What a promise rejects with: a platform error need not be an `Error` of this realm. */
export function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    value => Promise.reject(new Error(`resolved with ${String(value)}`)),
    (error: Error) => error,
  );
}
