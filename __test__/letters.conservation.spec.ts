import test, { type ExecutionContext } from 'ava';
import { type ActorRef, actor, type LossReason, text } from '../src/index.js';
import { createTestSystem, type TestSystem } from '../src/testing/index.js';
import { balanced } from './helpers/system.js';

const picky = actor({
  codec: text(),
  handle: (message: string) => {
    if (message === 'boom') throw new Error('boom');
    return message;
  },
});

type Lose = (system: TestSystem) => Promise<ActorRef<string, string> | undefined>;

/** Each loses exactly one message for its reason, and no other but what makes it so. */
const WAYS: { readonly [Reason in LossReason]?: Lose } = {
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
    const ref = await system.spawn(picky, { backoff: { initial: '1s', jitter: 0 } });
    ref.tell('boom');
    await system.runUntilIdle();
    ref.tell('boom');
    await system.runUntilIdle();
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
