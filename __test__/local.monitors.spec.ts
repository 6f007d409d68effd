import test from 'ava';
import { type ActorRef, actor, type Monitor, text } from '../src/index.js';
import { systemFor, until } from './helpers/system.js';

/** Watches on "watch", takes it back on "leave", links on "link"; notes what it is told. */
function watcherOf(target: ActorRef<string, string>, lines: string[]) {
  let monitor: Monitor | undefined;
  return actor({
    codec: text(),
    handle: (message: string, context) => {
      if (message === 'watch') monitor = context.monitor(target);
      if (message === 'leave') monitor?.stop();
      if (message === 'link') context.link(target);
      if (message === 'unlink') context.unlink(target);
      if (message === 'crash') throw new Error('as asked');
      lines.push(message);
      return message;
    },
    down: ({ ref, reason, incarnation }, context) => {
      lines.push(`${ref.path} ${reason.tag} ${incarnation} in life ${context.incarnation}`);
    },
  });
}

const echo = actor({ codec: text(), handle: (message: string) => message });

test('an actor is told once that another one has ended, among its messages', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const target = await system.spawn(echo, { name: 'target' });
  const watcher = await system.spawn(watcherOf(target, lines));
  await watcher.ask('watch');
  await target.stop();
  await until(() => lines.length === 2);
  t.deepEqual(lines, ['watch', '/user/target normal 1 in life 1']);
  await watcher.ask('watch');
  await until(() => lines.length === 4);
  t.is(lines[3], '/user/target no-such-actor 0 in life 1', 'of one that has ended, soon');
  await watcher.ask('after');
  t.is(lines.length, 5);
});

test('a monitor outlives the life that set it, and not its own end', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const target = await system.spawn(echo, { name: 'target' });
  const watcher = await system.spawn(watcherOf(target, lines), { backoff: 'immediate' });
  await watcher.ask('watch');
  await t.throwsAsync(watcher.ask('crash'), { code: 'ERR_ACTOR_CRASHED' });
  target.kill();
  await until(() => lines.length === 2);
  t.is(lines[1], '/user/target killed 1 in life 2');
});

test('a monitor that was taken back tells nothing, even if the end came first', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const target = await system.spawn(echo, { name: 'target' });
  const watcher = await system.spawn(watcherOf(target, lines));
  await watcher.ask('watch');
  target.kill();
  await watcher.ask('leave');
  await watcher.ask('after');
  const kept = lines.filter(line => line.startsWith('/user/target'));
  t.true(
    kept.length <= 1 && lines.indexOf('leave') >= lines.findIndex(line => line.startsWith('/user')),
    String(lines),
  );
  t.is(lines.at(-1), 'after');
});

test('linked actors share an abnormal end, until they are unlinked', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const target = await system.spawn(echo, { name: 'target' });
  const watcher = await system.spawn(watcherOf(target, lines), { restart: 'temporary' });
  await watcher.ask('link');
  await watcher.ask('unlink');
  await watcher.ask('link');
  target.kill();
  t.is((await watcher.stopped).tag, 'linked');
});

test('an actor that cannot be told may not watch, and one whose life is over neither', async t => {
  const system = await systemFor(t);
  const target = await system.spawn(echo);
  let later: (() => unknown) | undefined;
  const deaf = actor({
    codec: text(),
    handle: (message: string, context) => {
      later = () => context.link(target);
      if (message === 'watch') context.monitor(target);
      if (message === 'wrong') context.link({} as never);
      return message;
    },
  });
  const ref = await system.spawn(deaf, { backoff: 'immediate' });
  const error = await t.throwsAsync(ref.ask('watch'), { code: 'ERR_ACTOR_CRASHED' });
  t.regex(String(error?.message), /monitor: the actor has no function down/);
  await t.throwsAsync(ref.ask('wrong'), { message: /target: expected an actor reference/ });
  await ref.ask('keep');
  await ref.stop();
  t.throws(() => later?.(), { code: 'ERR_ACTOR_STOPPED' });
});
