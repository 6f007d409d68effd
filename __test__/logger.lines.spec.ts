import test from 'ava';
import { EventLog, isLogger, type Logger, streamLogger } from '../src/logger.js';

function collector(isTTY: boolean): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const stream = { isTTY, write: (line: string) => lines.push(line) };
  return { lines, logger: streamLogger('shop', () => stream) };
}

function recorder(): { lines: [string, string][]; logger: Logger } {
  const lines: [string, string][] = [];
  const at = (level: string) => (_: object, message: string) => {
    lines.push([level, message]);
  };
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

test('machines get one JSON object a line, with numbers for levels', t => {
  const { lines, logger } = collector(false);
  logger.warn({ actor: '/user/a' }, 'it "broke"\nbadly');
  t.is(lines.length, 1);
  t.true(lines[0]?.endsWith('\n'));
  const { level, system, actor, msg, time } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  t.deepEqual([level, system, actor, msg, typeof time], [40, 'shop', '/user/a', 'it "broke"\nbadly', 'number']);
});

test('people get a line that no guest can use against their terminal', t => {
  const { lines, logger } = collector(true);
  logger.error({}, 'evil \u001b[2J\u0007text\nsecond line');
  t.true(lines[0]?.includes('error'));
  t.true(lines[0]?.includes('shop: evil  [2J text\n  second line'), JSON.stringify(lines[0]));
});

test('debug lines are left out', t => {
  const { lines, logger } = collector(false);
  logger.debug({}, 'x');
  logger.info({}, 'y');
  t.is(lines.length, 1);
});

test('a logger is an object with the four methods', t => {
  t.true(isLogger(console));
  for (const value of [null, undefined, 'console', () => {}, { warn: () => {} }]) t.false(isLogger(value));
});

test('a restart is a warning with its wait, giving up an error, an orderly end nothing', t => {
  const { lines, logger } = recorder();
  const log = new EventLog(logger);
  const reason = { tag: 'trap', text: 'unreachable' } as const;
  const about = { path: '/user/a', incarnation: 2, reason };
  log.write({ event: 'actor:restarting', ...about, attempt: 1, delayMs: 0 });
  log.write({ event: 'actor:restarting', ...about, attempt: 2, delayMs: 100 });
  log.write({ event: 'actor:failed', ...about });
  log.write({ event: 'actor:stopped', ...about, reason: { tag: 'normal', text: '' } });
  log.write({ event: 'actor:stopped', ...about });
  log.write({ event: 'actor:started', ...about });
  t.deepEqual(lines, [
    ['warn', '/user/a crashed (trap: unreachable), restarting at once'],
    ['warn', '/user/a crashed (trap: unreachable), restarting in 100 ms'],
    ['error', '/user/a gave up: trap: unreachable'],
    ['warn', '/user/a ended: trap: unreachable'],
  ]);
});

test('a dead letter has a line if it is to have one, the others a summary with their reasons', t => {
  const { lines, logger } = recorder();
  const log = new EventLog(logger);
  const letter = { event: 'deadletter', target: '/user/a', sender: '/user/b', reason: 'stopped', size: 1 };
  log.write({ ...letter, logged: true });
  log.write({ ...letter, logged: false });
  log.write({ ...letter, target: '', sender: null, logged: true });
  log.write({ event: 'deadletters-unsaid', counts: { stopped: 3, 'mailbox-full': 2 } });
  t.deepEqual(lines, [
    ['warn', 'dead letter to /user/a from /user/b: stopped'],
    ['warn', 'dead letter to an unknown actor: stopped'],
    ['warn', '5 more dead letters: 3 stopped, 2 mailbox-full'],
  ]);
});

test('a faulty level of a guest is an ordinary line', t => {
  const { lines, logger } = recorder();
  new EventLog(logger).write({ event: 'log', path: '/user/a', level: 99, text: 'hi' });
  t.deepEqual(lines, [['info', '/user/a: hi']]);
});
