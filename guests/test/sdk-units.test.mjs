/** Parts of the TypeScript SDK against this process's own: promises and UTF-8. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sdkModule } from './support/sdk.mjs';

const { GuestPromise, enqueue, drain, takeUnhandled } = await sdkModule('promise');
const { GuestTextDecoder, GuestTextEncoder } = await sdkModule('text');

/** Runs the same with the guest's promises and with the engine's own, and compares what was noted. */
async function same(scenario) {
  const ours = [];
  scenario(GuestPromise, note => ours.push(note), enqueue);
  drain();
  takeUnhandled();
  const theirs = [];
  scenario(Promise, note => theirs.push(note), queueMicrotask);
  await new Promise(resolve => setTimeout(resolve, 5));
  assert.deepEqual(ours, theirs);
  assert.ok(ours.length > 0, 'something was noted');
}

/** An object that is treated like a promise. */
const thenable = then => Object.defineProperty({}, 'then', { value: then });
const fail = () => {
  throw new Error('getter');
};

const noting = (note, name) => [
  value => note([name, 'ok', value]),
  error => note([name, 'no', error?.message ?? error]),
];

test('jobs run in the order of the language', () =>
  same((P, note, micro) => {
    micro(() => note('micro 1'));
    P.resolve(1).then(() => note('then 1'));
    new P(resolve => {
      note('executor');
      resolve(P.resolve('inner'));
    }).then(note);
    const told = thenable(give => {
      note('thenable');
      give('thenable value');
    });
    P.resolve(told).then(note);
    P.resolve()
      .then(() => note('a'))
      .then(() => note('b'))
      .finally(() => note('c'));
    P.reject(new Error('x'))
      .catch(error => note(error.message))
      .then(() => note('after catch'));
    micro(() => note('micro 2'));
  }));

test('the static functions settle alike', () =>
  same((P, note) => {
    const mixed = () => [1, P.resolve(2), P.reject(new Error('three'))];
    P.all([1, P.resolve(2), thenable(give => give(3))]).then(...noting(note, 'all'));
    P.all(mixed()).then(...noting(note, 'all, one bad'));
    P.all([]).then(...noting(note, 'all of none'));
    P.allSettled(mixed()).then(
      all => note(all.map(one => one.value ?? one.reason.message)),
      () => note('never'),
    );
    P.any(mixed()).then(...noting(note, 'any'));
    P.any([P.reject(1), P.reject(2)]).then(undefined, error => note(error.errors));
    P.any([]).then(undefined, error => note([error.name, error.errors]));
    P.race([new P(() => {}), P.resolve('first'), P.resolve('second')]).then(...noting(note, 'race'));
    P.all(7).then(undefined, error => note(error.name));
  }));

test('only the first call settles, and what throws after it does not count', () =>
  same((P, note) => {
    new P((resolve, reject) => {
      resolve('first');
      reject(new Error('second'));
      throw new Error('third');
    }).then(...noting(note, 'once'));
    new P(() => {
      throw new Error('thrown');
    }).then(...noting(note, 'thrown'));
    P.resolve(
      thenable(give => {
        give('given');
        throw new Error('ignored');
      }),
    ).then(...noting(note, 'thenable'));
    P.resolve(Object.defineProperty({}, 'then', { get: fail })).then(...noting(note, 'getter'));
    const itself = new P(resolve => setTimeoutless(() => resolve(itself)));
    function setTimeoutless(run) {
      P.resolve().then(run);
    }
    itself.then(undefined, error => note(error.name));
  }));

test('finally passes values and reasons through, unless it fails itself', () =>
  same((P, note) => {
    P.resolve(1)
      .finally(() => 2)
      .then(...noting(note, 'value'));
    P.reject(new Error('kept'))
      .finally(() => 2)
      .then(...noting(note, 'reason'));
    P.resolve(1)
      .finally(() => {
        throw new Error('own');
      })
      .then(...noting(note, 'own'));
    P.resolve(1)
      .finally(() => P.reject(new Error('awaited')))
      .then(...noting(note, 'awaited'));
  }));

test('subclasses make their own', () => {
  class Own extends GuestPromise {}
  assert.ok(Own.resolve(1) instanceof Own);
  assert.ok(Own.resolve(1).then(() => {}) instanceof Own);
  assert.ok(Own.all([]) instanceof Own);
  assert.equal(Object.prototype.toString.call(Own.resolve(1)), '[object Promise]');
  assert.throws(() => GuestPromise.resolve.call(undefined, 1), TypeError);
  assert.throws(() => new GuestPromise(1), TypeError);
  drain();
});

test('withResolvers and try', () => {
  const notes = [];
  const { promise, resolve } = GuestPromise.withResolvers();
  promise.then(value => notes.push(value));
  resolve('later');
  GuestPromise.try((a, b) => a + b, 1, 2).then(value => notes.push(value));
  GuestPromise.try(() => {
    throw new Error('no');
  }).catch(error => notes.push(error.message));
  drain();
  assert.deepEqual(notes, ['later', 3, 'no']);
});

test('a rejection nobody handled is kept, one that was handled in time is not', () => {
  const late = GuestPromise.reject(new Error('late'));
  GuestPromise.resolve().then(() => late.catch(() => {}));
  drain();
  assert.equal(takeUnhandled(), undefined);
  GuestPromise.reject(undefined);
  GuestPromise.resolve().then(() => {
    throw new Error('second');
  });
  drain();
  assert.deepEqual(takeUnhandled(), { reason: undefined });
  assert.equal(takeUnhandled(), undefined);
});

test('a promise of the engine is refused', () => {
  let reason;
  GuestPromise.resolve(Promise.resolve(1)).catch(error => {
    reason = error;
  });
  drain();
  assert.match(reason.message, /made by the engine/);
});

test('a long chain of jobs runs to its end', () => {
  let left = 200_000;
  const step = () => {
    if (left-- > 0) GuestPromise.resolve().then(step);
  };
  step();
  drain();
  assert.equal(left, -1);
});

test('UTF-8 is written as everywhere', () => {
  const encoder = new GuestTextEncoder();
  for (const text of [
    '',
    'plain',
    'añ€\u{1f600}',
    '\ud800',
    'a\udc00b',
    '\udc00\ud800',
    '\u07ff\u0800\uffff\u{10000}\u{10ffff}',
    'x'.repeat(5000),
  ]) {
    assert.deepEqual(encoder.encode(text), new TextEncoder().encode(text));
    const [ours, theirs] = [new Uint8Array(6), new Uint8Array(6)];
    assert.deepEqual(encoder.encodeInto(text, ours), new TextEncoder().encodeInto(text, theirs));
    assert.deepEqual(ours, theirs);
  }
});

test('UTF-8 is read as everywhere, well-formed or not', () => {
  const pieces = [
    [0x41],
    [0xc3, 0xa9],
    [0xe2, 0x82, 0xac],
    [0xf0, 0x9f, 0x98, 0x80],
    [0x80],
    [0xc0],
    [0xed, 0xa0],
    [0xf4, 0x90],
    [0xff],
    [0xe2, 0x82],
    [0xf0, 0x9f],
    [0xef, 0xbb, 0xbf],
  ];
  let state = 1;
  const draw = () => (state = (state * 48_271) % 2_147_483_647);
  for (let round = 0; round < 5_000; round++) {
    const bytes = Uint8Array.from(Array.from({ length: draw() % 6 }, () => pieces[draw() % pieces.length]).flat());
    assert.equal(
      new GuestTextDecoder().decode(bytes),
      new TextDecoder().decode(bytes),
      Buffer.from(bytes).toString('hex'),
    );
    assert.equal(refuses(GuestTextDecoder, bytes), refuses(TextDecoder, bytes), Buffer.from(bytes).toString('hex'));
  }
  assert.equal(
    new GuestTextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.of(0xef, 0xbb, 0xbf, 65)),
    '\ufeffA',
  );
  assert.equal(
    new GuestTextDecoder().decode(new TextEncoder().encode('\u{1f600}'.repeat(9_000))),
    '\u{1f600}'.repeat(9_000),
  );
  assert.throws(() => new GuestTextDecoder('latin1'), RangeError);
});

function refuses(Decoder, bytes) {
  try {
    new Decoder('utf-8', { fatal: true }).decode(bytes);
    return false;
  } catch {
    return true;
  }
}
