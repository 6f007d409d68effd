/** Monitors and links of components that were written with the SDKs. */
import test from 'ava';
import { type ActorRef, actor, text } from '../src/index.js';
import { guest, nextEvent, systemFor } from './helpers/system.js';

/** What the guest says of ends, once it says as much as is expected: a notice takes a way of its own over the threads. */
async function told(ref: ActorRef<string, string>, expected: string): Promise<string> {
  for (;;) {
    const said = await ref.ask('ends');
    if (said.length >= expected.length) return said;
  }
}

const echo = actor({ codec: text(), handle: (message: string) => message });

for (const [name, killed, gone] of [
  ['ts-every-effect', 'other true killed  1;', 'other true no-such-actor  0;'],
  ['as-every-effect', 'other true killed 1;', 'other true no-such-actor 0;'],
] as const) {
  test(`${name} is told once of the end of what it watches`, async t => {
    const system = await systemFor(t);
    const component = await system.load(guest(name));
    const other = await system.spawn(echo);
    const ref = await system.spawn(component, { peers: { other }, codec: text() });
    await ref.send('monitor');
    await ref.ask('ends');
    other.kill();
    await other.stopped;
    t.is(await told(ref, killed), killed);
    await ref.send('monitor');
    t.is(await told(ref, killed + gone), killed + gone);
  });

  test(`${name} takes its monitor back`, async t => {
    const system = await systemFor(t);
    const component = await system.load(guest(name));
    const other = await system.spawn(echo);
    const ref = await system.spawn(component, { peers: { other }, codec: text() });
    for (const wish of ['monitor', 'demonitor']) await ref.send(wish);
    await ref.ask('ends');
    other.kill();
    await other.stopped;
    t.is(await ref.ask('ends'), '');
  });

  test(`${name} shares the fate of what it links with, until it unlinks`, async t => {
    const system = await systemFor(t);
    const component = await system.load(guest(name));
    const [left, kept] = [await system.spawn(echo), await system.spawn(echo)];
    const free = await system.spawn(component, { peers: { other: left }, codec: text() });
    for (const wish of ['link', 'unlink']) await free.send(wish);
    await free.ask('ends');
    left.kill();
    await left.stopped;
    t.is(await free.ask('ends'), '');
    const bound = await system.spawn(component, { peers: { other: kept }, codec: text(), restart: 'temporary' });
    await bound.send('link');
    await bound.ask('ends');
    const ended = nextEvent(system, 'actor:stopped', ({ ref }) => ref.id === bound.id);
    kept.kill();
    t.is((await ended).reason.tag, 'linked');
  });
}
