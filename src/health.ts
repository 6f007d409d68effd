/** Health: how actors are probed, what they say, and whether the system itself runs (`HLT-1`, `HLT-3`). */
import { type Check, duration, flag, integer, isObject, mismatch, oneOf, shape } from './check.js';
import type { Duration } from './duration.js';
import type { NativeSpawnOptions } from './native.js';

/** How an actor is; `'unknown'` until it was asked, or when it does not say. */
export type HealthState = 'healthy' | 'degraded' | 'unhealthy' | 'unknown';

/** What the last probe of an actor found. */
export interface HealthStatus {
  /** How it is. */
  readonly status: HealthState;
  /** Why, in its own words; may be empty. */
  readonly text: string;
}

/** What an actor in JavaScript may answer to a probe. */
export type HealthAnswer = HealthState | HealthReport | undefined | void;

/** A state with a text. */
export interface HealthReport {
  /** How it is. */
  readonly status: HealthState;
  /** What to say about it. */
  readonly text?: string;
}

/** How a system is. No guest is asked, and nobody far away. */
export interface SystemHealth {
  /** Its threads do what they are asked to. `false` is a reason to end the process. */
  readonly live: boolean;
  /** It takes work: it has come up, does not shut down, and no supervisor under the root is down. */
  readonly ready: boolean;
  /** It has come up. */
  readonly started: boolean;
}

/** How an actor is probed; see {@link SpawnOptions.health}. */
export interface HealthCheckConfig {
  /** Time between two probes; default `'5s'`. */
  readonly interval?: Duration | undefined;
  /** A probe or a handler that runs longer than this counts as a failure; default `'1s'`. */
  readonly timeout?: Duration | undefined;
  /** Failures in a row until `action`; default 3. */
  readonly failures?: number | undefined;
  /** What so many failures do: restart the actor, or nothing but the events; default `'restart'`. */
  readonly action?: 'restart' | 'event' | undefined;
}

const DAY_MS = 86_400_000;

const healthFields = shape({
  interval: duration({ min: 1, max: DAY_MS }),
  timeout: duration({ min: 1, max: DAY_MS }),
  failures: integer({ min: 1, max: 1_000_000 }),
  action: oneOf('restart', 'event'),
});

type CheckedHealth = ReturnType<typeof healthFields>;

/** Reads the option: an object, or whether to probe at all. */
export const healthShape: Check<CheckedHealth | boolean> = (value, path) => {
  if (typeof value === 'boolean') return flag(value, path);
  if (isObject(value)) return healthFields(value, path);
  throw mismatch(path, 'true | false | { interval, timeout, failures, action }', value);
};

type HealthTemplate = Pick<
  NativeSpawnOptions,
  'healthIntervalMs' | 'healthTimeoutMs' | 'healthFailures' | 'healthRestart'
>;

/** What the addon is told; an interval of zero stands for no probes. */
export function healthTemplate(given: CheckedHealth | boolean | undefined): HealthTemplate {
  const wanted = given !== undefined && given !== false;
  const { interval, timeout, failures, action }: CheckedHealth = isObject(given) ? given : {};
  return {
    healthIntervalMs: wanted ? (interval ?? 5000) : 0,
    healthTimeoutMs: timeout ?? 1000,
    healthFailures: failures ?? 3,
    healthRestart: (action ?? 'restart') === 'restart',
  };
}
