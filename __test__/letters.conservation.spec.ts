import test, { type ExecutionContext } from 'ava';
import { type ActorRef, actor, json, type LossReason, text } from '../src/index.js';
import { createTestSystem, type TestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { balanced, guest } from './helpers/system.js';

const picky = actor({
  codec: text(),
  handle: (message: string) => {
    if (message === 'boom') throw new Error('boom');
    return message;
  },
});

type Lose = (system: TestSystem) => Promise<ActorRef<string, unknown> | undefined>;

/** Backs off for a second from its second crash on. */
const SLOW = { backoff: { initial: '1s', jitter: 0 } } as const;

async function crashTwice(system: TestSystem, ref: ActorRef<string, unknown>): Promise<void> {
  for (let count = 0; count < 2; count += 1) {
    ref.tell('boom');
    await system.runUntilIdle();
  }
}

/**
 * Each loses exactly one message for its reason, and no other but what makes it so. A reason without an entry does not
 * compile; that of a shutdown has a test of its own below.
 */
const WAYS: { readonly [Reason in Exclude<LossReason, 'shutdown'>]: Lose } = {
  'no-such-actor': async system => {
    // A guest that makes an address up.
    const forger = await system.spawn(await system.load(guest('forge-address')));
    forger.tell(new Uint8Array(Uint32Array.of(7, 1, 1).buffer));
    return undefined;
  },
  'stash-full': async system => {
    const aside = actor({ codec: text(), handle: (_: string, { stash }) => stash() });
    const ref = await system.spawn(aside, { overflow: 'reject', limits: { mailbox: 1 } });
    for (const message of ['aside', 'no room']) {
      ref.tell(message);
      await system.runUntilIdle();
    }
    await ref.stop({ drain: true });
    return undefined;
  },
  'no-subscriber': async system => {
    const ref = await system.spawn(picky, { ...SLOW, subscribe: [{ topic: 'jobs', group: 'workers' }] });
    await crashTwice(system, ref);
    system.publish('jobs', bytes('nobody can take it'));
    await system.runUntilIdle();
    await system.clock.advance('5s');
    return undefined;
  },
  cycle: async system => {
    const lonely = actor({
      codec: text(),
      handle: (message: string, { ask, self }) =>
        message === 'begin' ? ask(self, 'to itself').catch(() => '') : message,
    });
    const ref = await system.spawn(lonely);
    ref.tell('begin');
    return ref;
  },
  'topic-refused': async system => {
    for (let number = 0; number < 10_000; number += 1) system.publish(`kept.${number}`, bytes('x'), { retain: true });
    system.publish('one.more', bytes('x'), { retain: true });
    return undefined;
  },
  unreadable: async system => {
    const ref = await system.spawn(actor({ codec: json(), handle: () => {} }));
    // Who has a reference to its bytes may write anything.
    system.find(ref.path)?.tell(bytes('{'));
    return ref as ActorRef<never, unknown> as ActorRef<string, unknown>;
  },
  stopped: async system => {
    const ref = await system.spawn(picky);
    await ref.stop();
    ref.tell('x');
    return undefined;
  },
  poison: async system => {
    const ref = await system.spawn(picky);
    ref.tell('boom');
    return ref;
  },
  'gave-up': async system => {
    const ref = await system.spawn(picky, { maxRestarts: 0 });
    await system.together(() => {
      ref.tell('boom');
      ref.tell('behind it');
    });
    return undefined;
  },
  'mailbox-full': async system => {
    const ref = await system.spawn(picky, { overflow: 'drop-oldest', limits: { mailbox: 1 } });
    await system.together(() => {
      ref.tell('old');
      ref.tell('new');
    });
    return ref;
  },
  'too-large': async system => {
    const ref = await system.spawn(picky, { limits: { messageBytes: 3 } });
    ref.tell('four');
    return ref;
  },
  expired: async system => {
    const ref = await system.spawn(picky, SLOW);
    await crashTwice(system, ref);
    const late = ref.ask('late', { timeout: '10ms' }).catch(() => {});
    await system.clock.advance('5s');
    await late;
    return ref;
  },
  killed: async system => {
    const ref = await system.spawn(picky);
    await system.together(() => {
      ref.tell('never handled');
      ref.kill();
    });
    return undefined;
  },
};

for (const [reason, lose] of Object.entries(WAYS)) {
  test(`a message lost as ${reason} is counted, recorded, and missing nowhere`, async (t: ExecutionContext) => {
    const system = await createTestSystem({ test: t });
    const ref = await lose(system);
    await system.runUntilIdle();
    const audit = await balanced(t, system);
    t.is(audit.deadLetters.byReason[reason], 1, JSON.stringify(audit));
    t.is(system.deadLetters({ reason: reason as LossReason }).length, 1);
    const { refused, discarded, failedInHandler, expired } = audit;
    t.is(audit.deadLetters.total, refused.total + discarded.total + failedInHandler + expired);
    if (ref === undefined) return;
    // The actor's own books are those of the system: it is the only one.
    const { counters } = ref.status();
    t.is(counters.offered, audit.offered);
    t.is(counters.accepted, counters.handled + counters.failedInHandler + counters.discarded + counters.expired);
    const losses = { ...counters.losses };
    t.is(losses[reason] ?? 0, refused.byReason[reason] ?? discarded.byReason[reason] ?? 0);
  });
}

test('what a shutdown refuses is counted and recorded', async t => {
  const system = await createTestSystem({ test: t });
  const slow = await system.spawn(actor({ codec: text(), handle: () => new Promise<string>(() => {}) }));
  slow.tell('in hand');
  const ended = system.shutdown({ deadline: '1s' });
  slow.tell('too late');
  await ended;
  const audit = system.audit();
  t.true(audit.balanced);
  t.is(audit.deadLetters.byReason['shutdown'], 1, JSON.stringify(audit));
});
