import test from 'ava';
import { ConfigError } from '../src/errors.js';
import { shutdownDeadlineMs, spawnTemplate, systemSettings } from '../src/options.js';
import { requestOptions, stopOptions } from '../src/request-options.js';

/** The message of the error that `read` throws. */
function messageOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    return error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`;
  }
  return 'nothing was thrown';
}

const system = (options: unknown) => messageOf(() => systemSettings(options));
const DEFAULTS = { limits: {}, inline: true, local: false };
const spawn = (options: unknown) => messageOf(() => spawnTemplate(options, DEFAULTS));

test('a wrong system option names its path, what is allowed, and what came', t => {
  t.is(
    system({ limits: { memory: 'lots' } }),
    "limits.memory: expected a size such as '16MiB' (64KiB … 4GiB), received 'lots'",
  );
  t.is(system({ threads: 0 }), 'threads: expected a whole number (1 … 256), received 0');
  t.is(system({ threads: 'many' }), "threads: expected 'auto' or a whole number (1 … 256), received 'many'");
  t.is(system({ keepAlive: true }), "keepAlive: expected 'busy' | 'always' | 'never', received true");
  t.is(system({ trapHandling: 'none' }), "trapHandling: expected 'signals' | 'explicit', received 'none'");
  t.is(system({ cache: true }), 'cache: expected false or { dir }, received true');
  t.is(system({ cache: { dir: 3 } }), 'cache.dir: expected the path of a folder, received 3');
  t.is(system({ seed: -1 }), `seed: expected a whole number (0 … ${Number.MAX_SAFE_INTEGER}), received -1`);
  t.is(system({ deadLetters: 1.5 }), 'deadLetters: expected a whole number (0 … 1000000), received 1.5');
  t.is(system('fast'), "options: expected an object, received 'fast'");
  t.regex(system({ logger: console.log }), /^logger: expected false or an object with the methods/);
});

test('a wrong spawn option names its path, what is allowed, and what came', t => {
  t.is(spawn({ restart: 'always' }), "restart: expected 'permanent' | 'transient' | 'temporary', received 'always'");
  t.is(spawn({ maxRestarts: -1 }), 'maxRestarts: expected a whole number (0 … Infinity), received -1');
  t.is(spawn({ within: '0s' }), "within: expected a duration such as 250, '250ms' or '5s' (1ms … 24h), received '0s'");
  t.is(spawn({ backoff: 'slow' }), "backoff: expected 'immediate' | 'linear' | 'exponential', received 'slow'");
  t.is(spawn({ backoff: { jitter: 2 } }), 'backoff.jitter: expected a number (0 … 1), received 2');
  t.is(
    spawn({ backoff: { initial: '1s', max: 10 } }),
    'backoff.max: expected at least backoff.initial (1000 ms), received 10',
  );
  t.is(
    spawn({ overflow: 'drop' }),
    "overflow: expected 'wait' | 'reject' | 'drop-newest' | 'drop-oldest', received 'drop'",
  );
  t.is(
    spawn({ limits: { mailbox: Infinity } }),
    'limits.mailbox: expected a whole number (0 … 4294967294), received Infinity',
  );
  t.is(spawn({ limits: [] }), 'limits: expected an object, received []');
  t.is(spawn({ start: 'later' }), "start: expected 'now' | 'on-first-message', received 'later'");
  t.is(spawn({ codec: {} }), 'codec: expected a codec: an object with encode and decode, received {}');
  t.is(spawn({ inline: 1 }), 'inline: expected true | false, received 1');
});

test('an unknown option is refused, with the one that was probably meant', t => {
  t.is(system({ limts: {} }), "limts: unknown option; did you mean 'limits'?");
  t.is(system({ limits: { Memory: 1 } }), "limits.Memory: unknown option; did you mean 'memory'?");
  t.is(spawn({ maxRestart: 3 }), "maxRestart: unknown option; did you mean 'maxRestarts'?");
  t.regex(spawn({ volume: 11 }), /^volume: unknown option; known are name, config, peers/);
  t.is(spawn({ backoff: { intial: 1 } }), "backoff.intial: unknown option; did you mean 'initial'?");
});

test('a long value is cut short in the message', t => {
  t.true(system({ name: {}, threads: 'x'.repeat(10_000) }).length < 300);
});

test('an option that is undefined counts as absent', t => {
  t.deepEqual(spawnTemplate({ restart: undefined, limits: undefined }, DEFAULTS), spawnTemplate({}, DEFAULTS));
});

test('the defaults are those of the options page', t => {
  t.deepEqual(spawnTemplate(undefined, DEFAULTS), {
    restart: 0,
    budget: {
      maxRestarts: 5,
      withinMs: 60_000,
      backoffKind: 2,
      backoffInitialMs: 100,
      backoffFactor: 2,
      backoffMaxMs: 30_000,
      backoffJitter: 0.2,
      resetAfterMs: 15_050,
    },
    overflow: 0,
    overflowWaitMs: 5000,
    mailbox: 1000,
    mailboxBytes: 8 * 1024 ** 2,
    messageBytes: 1024 ** 2,
    memoryBytes: 16 * 1024 ** 2,
    tableElements: 10_000,
    instances: 64,
    handlerTimeMs: 5000,
    stackBytes: 256 * 1024,
    hostCallBytes: 1024 ** 2 + 64 * 1024,
    startTimeoutMs: 10_000,
    inline: true,
    start: 0,
    failStarts: [],
    healthFailures: 3,
    healthIntervalMs: 0,
    healthRestart: true,
    healthTimeoutMs: 1000,
    observe: 0,
    origin: 0,
    state: null,
    subscribe: [],
    pressure: false,
    trapOn: [],
  });
  const { name, native, keepAlive, limits } = systemSettings({ seed: 5 });
  t.is(keepAlive, 'busy');
  t.deepEqual(limits, {});
  t.is(name, 'troupe');
  t.is(native.seed, 5);
  t.is(native.deadLetters, 1000);
  t.is(native.trapHandling, 'signals');
  t.true(native.inline && native.trapBacktrace);
  t.false(native.manualClock);
});

test("an actor's limits stand over the system's", t => {
  const { limits } = systemSettings({ limits: { memory: '1MiB', mailbox: 10 } });
  const template = spawnTemplate({ limits: { mailbox: 20 } }, { ...DEFAULTS, limits });
  t.is(template.memoryBytes, 1024 ** 2);
  t.is(template.mailbox, 20);
});

test("a payload is never more than half of the guest's memory", t => {
  t.is(spawnTemplate({ limits: { memory: '128KiB' } }, DEFAULTS).messageBytes, 64 * 1024);
  t.is(spawnTemplate({ limits: { memory: '128KiB', messageBytes: '1KiB' } }, DEFAULTS).messageBytes, 1024);
});

test('Infinity crosses as the largest word', t => {
  const template = spawnTemplate({ maxRestarts: Infinity, limits: { handlerTime: Infinity } }, DEFAULTS);
  t.is(template.budget.maxRestarts, 0xffffffff);
  t.is(template.handlerTimeMs, 0xffffffff);
  t.is(requestOptions({ timeout: Infinity }).timeoutMs, 0xffffffff);
});

test('an actor runs inline only if its system does', t => {
  t.false(spawnTemplate({ inline: true }, { ...DEFAULTS, inline: false }).inline);
  t.false(spawnTemplate({ inline: false }, DEFAULTS).inline);
});

test('options of calls are read as strictly', t => {
  t.deepEqual(requestOptions({ timeout: '2s' }), { timeoutMs: 2000, signal: undefined, endless: false });
  t.is(requestOptions({}).timeoutMs, 5000);
  t.is(requestOptions({ timeout: 0 }).timeoutMs, 1);
  t.is(requestOptions({ timeout: 0.5 }).timeoutMs, 1);
  t.is(
    messageOf(() => requestOptions({ timeOut: 5 })),
    "timeOut: unknown option; did you mean 'timeout'?",
  );
  t.is(
    messageOf(() => requestOptions({ signal: {} })),
    'signal: expected an AbortSignal, received {}',
  );
  t.deepEqual(stopOptions(undefined), { drain: false, graceMs: 5000 });
  t.is(
    messageOf(() => stopOptions({ drain: 'yes' })),
    "drain: expected true | false, received 'yes'",
  );
  t.is(shutdownDeadlineMs(undefined), 25_000);
  t.is(shutdownDeadlineMs({ deadline: '1s' }), 1000);
  t.regex(
    messageOf(() => shutdownDeadlineMs({ deadline: Infinity })),
    /^deadline: expected a duration/,
  );
});

test('what concerns guests only is refused for an actor in JavaScript, with its path and why', t => {
  const local = { ...DEFAULTS, local: true };
  const table: [options: object, start: string][] = [
    [{ limits: { memory: '1MiB' } }, 'limits.memory: a JavaScript actor has no memory of its own'],
    [{ limits: { stack: '64KiB' } }, 'limits.stack: a JavaScript actor has no stack of its own'],
    [{ limits: { tableElements: 1 } }, 'limits.tableElements: a JavaScript actor has no tables'],
    [{ limits: { instances: 1 } }, 'limits.instances: a JavaScript actor has no core instances'],
    [{ limits: { hostCallBytes: '1MiB' } }, 'limits.hostCallBytes: a JavaScript actor makes no calls'],
    [{ inline: false }, 'inline: a JavaScript actor always runs on the thread of its system'],
    [{ stateInConfig: true }, 'stateInConfig: a JavaScript actor gets no configuration frames'],
  ];
  for (const [options, start] of table) {
    const message = messageOf(() => spawnTemplate(options, local));
    t.is(message.slice(0, start.length), start);
    t.is(spawn(options), 'nothing was thrown', 'a guest may have it');
  }
  t.is(
    messageOf(() => spawnTemplate({ limits: { memory: undefined }, inline: undefined }, local)),
    'nothing was thrown',
  );
});

test('limits of guests that a system has mean nothing to an actor in JavaScript', t => {
  const limits = { memory: 128 * 1024, messageBytes: 1024 ** 2 };
  t.is(spawnTemplate({}, { limits, inline: true, local: true }).messageBytes, 1024 ** 2);
  t.is(spawnTemplate({}, { limits, inline: true, local: false }).messageBytes, 64 * 1024);
});
