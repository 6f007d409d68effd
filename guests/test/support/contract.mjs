/** What every SDK promises, to be checked with a guest of it that has all effects. */
import assert from 'node:assert/strict';
import { concat, EFFECT, frame, KIND, message, utf8, words } from './frames.mjs';
import { effectsOf, vector } from './golden.mjs';

/** A message of a subscription that was taken back in the same turn is dropped, in the form of the golden vector (`TOP-7`). */
export function dropsWhatHasNoSubscription(it) {
  const { corr: tag } = it.turn(message('unsubscribe')).effects[0];
  const topic = corr => frame(KIND.topic, concat(words(1), utf8('a\0\0\0'), utf8('hi')), { corr });
  const turn = concat(message('unsubscribe'), topic(tag), topic(tag + 1));
  const { consumed, effects } = it.turn(turn);
  assert.deepEqual([consumed, effects.map(({ kind }) => kind)], [3, [EFFECT.unsubscribe, EFFECT.discard, EFFECT.tell]]);
  const discard = vector(/^effect: discard/);
  assert.deepEqual(effectsOf(it.raw(turn)).subarray(24, 48), discard);
  // The next turn knows nothing of it: what comes then has a subscription.
  assert.deepEqual(
    it.turn(topic(tag)).effects.map(({ kind }) => kind),
    [EFFECT.tell],
  );
}
