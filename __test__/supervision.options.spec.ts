import test from 'ava';
import { actor } from '../src/actor.js';
import type { BesideOwner } from '../src/beside.js';
import { type ChildOptions, child, type NestedOptions, type PoolOptions, pool } from '../src/children.js';
import { Component } from '../src/component.js';
import { ConfigError, TroupeError } from '../src/errors.js';
import { FOREVER } from '../src/native.js';
import { Origins } from '../src/origin.js';
import type { RefOwner } from '../src/ref-core.js';
import { type PlanContext, Planner } from '../src/tree-plan.js';

// Planning touches nothing of the owner but that it is the same one.
const OWNER = {} as RefOwner;
const INFO = {
  id: 3,
  hash: '00',
  imports: [],
  exports: [],
  hasStart: false,
  fromCache: false,
  bytes: 0,
  memory: { initial: 0, maximum: null },
  compileMs: 0,
};
const component = new Component(OWNER, INFO);
const foreign = new Component({}, INFO);
const ok = child(component);

const registered: unknown[] = [];
const register = (definition: unknown): number => registered.push(definition) - 1;
const CONTEXT: PlanContext = {
  owner: OWNER,
  limits: {},
  inline: true,
  register,
  unregister: () => {},
  beside: {} as BesideOwner,
  origins: new Origins(),
};
const planner = (): Planner => new Planner(CONTEXT);
const plan = (options: unknown) => planner().supervisor(options, 'fallback').node;
const messageOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (!(error instanceof TroupeError)) return `not one of ours: ${error}`;
    if (!(error instanceof ConfigError)) return `${error.code} ${error.message}`;
    return error.message.startsWith(error.path) ? error.message : `the path is ${error.path}: ${error.message}`;
  }
  return 'nothing was thrown';
};
const refused = (options: unknown): string => messageOf(() => plan(options));
/** What is said about one child among good ones. */
const refusedChild = (options: unknown): string =>
  refused({ children: { a: ok, mailer: child(component, options as ChildOptions), b: ok } });
const refusedPool = (options: unknown): string =>
  refused({ children: { a: ok, workers: pool(component, options as PoolOptions) } });
const refusedNested = (options: object): string =>
  refused({ children: { a: ok, nested: { children: {}, ...options } as NestedOptions } });

test('every wrong option of a child is refused alone, with its path', t => {
  const table: [options: unknown, message: string][] = [
    [{ restart: 'always' }, "restart: expected 'permanent' | 'transient' | 'temporary', received 'always'"],
    [{ significant: 1 }, 'significant: expected true | false, received 1'],
    [
      { shutdownTimeout: -1 },
      "shutdownTimeout: expected a duration such as 250, '250ms' or '5s' (0ms … Infinity), received -1",
    ],
    [
      { shutdownTimeout: Number.NaN },
      "shutdownTimeout: expected a duration such as 250, '250ms' or '5s' (0ms … Infinity), received NaN",
    ],
    [
      { startupTimeout: 0 },
      "startupTimeout: expected a duration such as 250, '250ms' or '5s' (1ms … Infinity), received 0",
    ],
    [{ maxRestarts: 5 }, 'maxRestarts: unknown option; known are config, peers, startupTimeout, restart'],
    [{ limits: { memory: 'lots' } }, "limits.memory: expected a size such as '16MiB' (64KiB … 4GiB), received 'lots'"],
    [
      { peers: { db: {} } },
      'peers.db: expected an actor reference; of a pool or a supervisor, one of its children, received {}',
    ],
    [{ config: 5n }, 'config: it cannot be written as JSON'],
    [{ codec: 'json' }, "codec: expected a codec: an object with encode and decode, received 'json'"],
    [{ overflow: 'drop' }, "overflow: expected 'wait' | 'reject' | 'drop-newest' | 'drop-oldest', received 'drop'"],
    [{ retart: 'permanent' }, "retart: unknown option; did you mean 'restart'?"],
    [{ start: 'on-first-message' }, 'start: unknown option'],
  ];
  for (const [options, message] of table) {
    const said = refusedChild(options);
    t.true(said.startsWith(`children.mailer.${message}`), said);
  }
  t.is(refusedChild(null), 'children.mailer: expected an object, received null');
});

test('a significant child must be able to end, and its supervisor must care', t => {
  const significant = (restart: string | undefined, autoShutdown: string | undefined) =>
    refused({ autoShutdown, children: { a: child(component, { restart, significant: true } as ChildOptions) } });
  t.regex(significant(undefined, 'any-significant'), /^children\.a\.significant: a permanent child cannot be/);
  t.regex(significant('permanent', 'all-significant'), /^children\.a\.significant: a permanent child cannot be/);
  t.regex(significant('transient', undefined), /^children\.a\.significant: it means nothing here/);
  t.regex(significant('temporary', 'never'), /^children\.a\.significant: it means nothing here/);
  t.is(significant('transient', 'any-significant'), 'nothing was thrown');
  t.is(significant('temporary', 'all-significant'), 'nothing was thrown');
  t.regex(refused({ significant: true, restart: 'transient', children: {} }), /^significant: it means nothing here/);
});

test('every wrong option of a supervisor is refused alone, wherever it stands in the tree', t => {
  const table: [options: object, message: string][] = [
    [{ strategy: 'all' }, "strategy: expected 'one-for-one' | 'one-for-all' | 'rest-for-one', received 'all'"],
    [{ maxRestarts: -1 }, 'maxRestarts: expected a whole number (0 … Infinity), received -1'],
    [{ maxRestarts: 1.5 }, 'maxRestarts: expected a whole number (0 … Infinity), received 1.5'],
    [{ maxRestarts: Number.NaN }, 'maxRestarts: expected a whole number (0 … Infinity), received NaN'],
    [{ within: 0 }, "within: expected a duration such as 250, '250ms' or '5s' (1ms … 24h), received 0"],
    [{ within: Infinity }, "within: expected a duration such as 250, '250ms' or '5s' (1ms … 24h), received Infinity"],
    [{ backoff: 'quadratic' }, "backoff: expected 'immediate' | 'linear' | 'exponential', received 'quadratic'"],
    [{ backoff: { jitter: 2 } }, 'backoff.jitter: expected a number (0 … 1), received 2'],
    [
      { backoff: { initial: '1m', max: '1s' } },
      'backoff.max: expected at least backoff.initial (60000 ms), received 1000',
    ],
    [
      { autoShutdown: 'sometimes' },
      "autoShutdown: expected 'never' | 'any-significant' | 'all-significant', received 'sometimes'",
    ],
    [
      { defaults: { restart: 'no' } },
      "defaults.restart: expected 'permanent' | 'transient' | 'temporary', received 'no'",
    ],
    [
      { defaults: { limits: {} } },
      'defaults.limits: unknown option; known are restart, startupTimeout, shutdownTimeout',
    ],
    [{ children: [ok] }, 'children: expected an object of children by name, received ['],
    [{ stratgy: 'one-for-one' }, "stratgy: unknown option; did you mean 'strategy'?"],
  ];
  for (const [options, message] of table) {
    const top = refused({ children: {}, ...options });
    t.true(top.startsWith(message), top);
    const nested = refusedNested(options);
    t.true(nested.startsWith(`children.nested.${message}`), nested);
  }
  t.is(refused({ name: 'shop' }), 'children: expected an object of children by name, received undefined');
  t.regex(refusedNested({ name: 'x' }), /^children\.nested\.name: unknown option/);
  t.is(refused(undefined), 'options: expected an object, received undefined');
});

test('every wrong option of a pool is refused alone', t => {
  t.is(refusedPool({ size: -1 }), 'children.workers.size: expected a whole number (0 … 1000000), received -1');
  t.is(refusedPool({ size: Number.NaN }), 'children.workers.size: expected a whole number (0 … 1000000), received NaN');
  t.regex(refusedPool({ poolBudget: { within: 0 } }), /^children\.workers\.poolBudget\.within: expected a duration/);
  t.regex(refusedPool({ significant: true }), /^children\.workers\.significant: unknown option/);
  t.regex(refusedPool({ maxRestarts: '5' }), /^children\.workers\.maxRestarts: expected a whole number/);
  t.regex(
    messageOf(() => planner().pool(component, { size: 'many' }, 'p')),
    /^size: expected a whole number/,
  );
  t.regex(
    messageOf(() => planner().pool({}, {}, 'p')),
    /^component: expected a component made by system\.load/,
  );
});

test('names of children are steps of a path, and stand in the order they were written', t => {
  const named = (name: string) => refused({ children: { [name]: ok } });
  t.regex(named(''), /^children\.: the name "" is empty/);
  t.regex(named('a/b'), /^children\.a\/b: the name "a\/b" contains "\/"/);
  t.regex(named('a b'), /^children\.a b: the name "a b" contains " "/);
  t.regex(named('$x'), /^children\.\$x: the name "\$x" begins with '\$'/);
  t.regex(named('a..b'), /^children\.a\.\.b: the name "a\.\.b" has an empty part/);
  t.regex(named('7'), /^children\.7: the name '7' is a number: objects list numbers first/);
  t.regex(refused({ name: 'a b', children: {} }), /^name: the name "a b" contains " "/);
  t.regex(refused({ name: 'user', children: {} }), /^name: the name 'user' belongs to the pool of spawned actors/);
  t.regex(refusedChild({ name: 'a b' }), /^ERR_NAME_INVALID children\.mailer\.name: /);
});

test('a registered name is given once in a tree', t => {
  const a = child(component, { name: 'db' });
  const said = refused({ children: { a, nested: { children: { b: child(component, { name: 'db' }) } } } });
  t.is(said, "children.nested.children.b.name: the name 'db' is given at children.a.name already");
});

test('what stands under a name must be a child', t => {
  const under = (entry: unknown) => refused({ children: { a: entry } });
  t.is(under(component), 'children.a: expected child(component), received the component itself');
  t.regex(
    under('echo'),
    /^children\.a: expected child\(…\), pool\(…\), or a supervisor: an object with children, received/,
  );
  t.regex(under(undefined), /^children\.a: expected child/);
  t.regex(under({ strategy: 'one-for-all' }), /^children\.a: expected child/);
  t.is(under(child(foreign)), 'children.a.component: it was loaded by another system');
  t.regex(
    under(child('x' as unknown as Component)),
    /^children\.a\.component: expected a component made by system\.load/,
  );
});

test('a tree that is its own child is refused', t => {
  const endless: { children: Record<string, unknown> } = { children: {} };
  endless.children['again'] = endless;
  t.regex(refused(endless), /supervisors are nested more than 32 deep$/);
});

test('a definition gets its number when nothing can be wrong any more', t => {
  const echo = actor({ handle: message => message });
  const bad = child(component, { restart: 'always' as never });
  t.regex(refused({ children: { a: child(echo), bad } }), /^children\.bad\.restart/);
  t.deepEqual(registered, []);
  const making = planner();
  const { node } = making.supervisor({ children: { a: child(echo, { config: 5n }), crew: pool(echo) } }, 'x');
  making.commit();
  t.deepEqual(registered, [echo, echo]);
  t.deepEqual(
    node.children.map(below => [below.actor?.component, below.actor?.definition]),
    [
      [-1, 0],
      [-1, 1],
    ],
  );
});

test('a plan is complete, with the defaults of the options page', t => {
  const node = plan({ name: 'shop', children: { a: ok, nested: { strategy: 'rest-for-one', children: { b: ok } } } });
  t.is(node.key, 'shop');
  t.deepEqual(node.child, { restart: 0, significant: false, shutdownMs: FOREVER });
  t.deepEqual(node.supervisor, {
    strategy: 0,
    autoShutdown: 0,
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
  });
  const [a, nested] = node.children;
  t.deepEqual(a?.child, { restart: 0, significant: false, shutdownMs: 5000 });
  t.deepEqual([a?.actor?.component, a?.actor?.definition, a?.actor?.name], [3, -1, null]);
  t.is(a?.actor?.options.startTimeoutMs, 10_000);
  t.is(nested?.supervisor?.strategy, 2);
  t.is(plan({ children: {} }).key, 'fallback');
});

test("a supervisor's defaults are its children's, unless they say otherwise", t => {
  const defaults = { restart: 'transient', startupTimeout: '1s', shutdownTimeout: '2s' };
  const own = child(component, { restart: 'temporary', startupTimeout: '3s', shutdownTimeout: 'Infinity' as never });
  t.regex(refused({ defaults, children: { own } }), /^children\.own\.shutdownTimeout/);
  const other = child(component, { restart: 'temporary', shutdownTimeout: Infinity });
  const nested = { children: { deep: ok } };
  const { children } = plan({ defaults, children: { a: ok, other, nested, workers: pool(component) } });
  t.deepEqual(
    children.map(({ child: { restart, shutdownMs } }) => [restart, shutdownMs]),
    [
      [1, 2000],
      [2, FOREVER],
      [1, FOREVER],
      [0, 2000],
    ],
  );
  t.is(children[0]?.actor?.options.startTimeoutMs, 1000);
  // They are not handed on further down.
  t.is(children[2]?.children[0]?.child.restart, 0);
  t.is(children[3]?.actor?.options.restart, 1);
});

test('what concerns guests only is refused for children and members in JavaScript, with the path', t => {
  const definition = actor({ handle: () => {} });
  const inChild = (options: object) => refused({ children: { a: ok, b: child(definition, options as never) } });
  const inPool = (options: object) => refused({ children: { a: ok, b: pool(definition, options as never) } });
  const why = 'a JavaScript actor has no memory of its own, it shares that of the process; leave it out';
  t.is(inChild({ limits: { memory: '1MiB' } }), `children.b.limits.memory: ${why}`);
  t.is(inPool({ limits: { memory: '1MiB' } }), `children.b.limits.memory: ${why}`);
  t.is(
    inChild({ inline: true }),
    'children.b.inline: a JavaScript actor always runs on the thread of its system; leave it out',
  );
  const top = () => planner().pool(definition, { limits: { stack: '1MiB' } }, 'fallback');
  t.regex(messageOf(top), /^limits\.stack: /);
  const system = { ...CONTEXT, limits: { memory: 1024 ** 2 } };
  t.notThrows(() => new Planner(system).supervisor({ children: { b: child(definition) } }, 'fallback'));
});
