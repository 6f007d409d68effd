import test from 'ava';
import { CODE_OF_OUTCOME, CODE_OF_REASON, ERROR_CODES, REASON_TAGS } from '../src/error-codes.js';
import * as errors from '../src/errors.js';

const { ActorCrashedError, ActorStoppedError, CLASS_OF_CODE, createError, errorFromNative, rethrown } = errors;
const { GuestFailureError, GuestTrapError, StartError, TroupeError } = errors;
const numberOf = (code: (typeof ERROR_CODES)[number]) => ERROR_CODES.indexOf(code);

test('every code has a class, and every class its own name', t => {
  t.deepEqual(Object.keys(CLASS_OF_CODE), ERROR_CODES.slice(1));
  for (const code of Object.keys(CLASS_OF_CODE) as errors.TroupeError['code'][]) {
    const error = createError(code, { message: 'x' });
    t.true(error instanceof TroupeError && error instanceof Error);
    t.is(error.code, code);
    const expected = code === 'ERR_ABORTED' ? 'AbortError' : CLASS_OF_CODE[error.code].name;
    t.is(error.name, expected);
    t.true(error.stack?.startsWith(`${expected}: x`), error.stack);
  }
});

test('every reason and every outcome maps to one code', t => {
  t.deepEqual(Object.keys(CODE_OF_REASON).sort(), [...REASON_TAGS].sort());
  for (const code of [...Object.values(CODE_OF_REASON), ...Object.values(CODE_OF_OUTCOME)]) {
    t.true(Object.hasOwn(CLASS_OF_CODE, code), code);
  }
});

test('an error about a crash has no JavaScript frames, any other has', t => {
  const crash = errorFromNative(numberOf('ERR_ACTOR_CRASHED'), { message: 'x', reason: { tag: 'trap', text: 'y' } });
  t.is(crash.stack, 'ActorCrashedError: x');
  t.is((crash.cause as Error).stack, 'GuestTrapError: y');
  t.regex(errorFromNative(numberOf('ERR_ACTOR_STOPPED'), { message: 'x' }).stack ?? '', /\n +at /);
  t.not(Error.stackTraceLimit, 0);
});

test('a crash carries the trap as its cause', t => {
  const error = errorFromNative(numberOf('ERR_ACTOR_CRASHED'), {
    message: 'ask to /user/a: the handler crashed',
    actor: '/user/a',
    reason: { tag: 'trap', text: 'wasm trap: unreachable' },
    trap: 'unreachable',
    backtrace: ['guest!handle'],
    stderr: 'oops',
  });
  t.true(error instanceof ActorCrashedError);
  t.is(error.actor, '/user/a');
  const { cause } = error;
  t.true(cause instanceof GuestTrapError);
  if (!(cause instanceof GuestTrapError)) return;
  t.is(cause.code, 'ERR_GUEST_TRAP');
  t.is(cause.trap, 'unreachable');
  t.deepEqual(cause.backtrace, ['guest!handle']);
  t.is(cause.stderr, 'oops');
  t.is(cause.actor, '/user/a');
});

test('the cause of a crash has the code of its reason', t => {
  const causeOf = (tag: (typeof REASON_TAGS)[number]) =>
    errorFromNative(numberOf('ERR_ACTOR_CRASHED'), { reason: { tag, text: '' } }).cause as errors.TroupeError;
  t.is(causeOf('stack-overflow').code, 'ERR_GUEST_STACK');
  t.is(causeOf('oom').code, 'ERR_GUEST_MEMORY');
  t.is(causeOf('deadline').code, 'ERR_GUEST_DEADLINE');
  t.is(causeOf('host-error').code, 'ERR_GUEST_PROTOCOL');
  t.is(causeOf('host-panic').code, 'ERR_INTERNAL');
});

test("a guest's own error carries its bytes", t => {
  const payload = new TextEncoder().encode('busy');
  const error = errorFromNative(numberOf('ERR_GUEST_FAILURE'), { payload });
  t.true(error instanceof GuestFailureError);
  if (error instanceof GuestFailureError) t.is(Buffer.from(error.payload).toString(), 'busy');
});

test('what the addon leaves out is filled from the context', t => {
  const error = errorFromNative(numberOf('ERR_ACTOR_STOPPED'), {}, { message: 'gone', actor: '/user/b' });
  t.true(error instanceof ActorStoppedError);
  t.is(error.message, 'gone');
  t.is(error.actor, '/user/b');
  t.is(error.cause, undefined);
});

test('a start that returned an error has no trap as its cause', t => {
  const error = errorFromNative(numberOf('ERR_START_FAILED'), { reason: { tag: 'start-failed', text: 'no' } });
  t.true(error instanceof StartError);
  t.is(error.cause, undefined);
  t.is(error.data.reason?.text, 'no');
});

test('a number that nobody knows is an internal fault', t => {
  t.is(errorFromNative(9999, {}).code, 'ERR_INTERNAL');
  t.is(errorFromNative(0, {}).code, 'ERR_INTERNAL');
});

test('an error of the addon gets its class, any other stays as it is', t => {
  const thrown = Object.assign(new Error('taken'), { code: 'ERR_NAME_TAKEN' });
  const error = rethrown(thrown);
  t.true(error instanceof TroupeError);
  t.is((error as errors.TroupeError).code, 'ERR_NAME_TAKEN');
  const foreign = Object.assign(new Error('x'), { code: 'ENOENT' });
  t.is(rethrown(foreign), foreign);
  t.is(rethrown('text'), 'text');
});
