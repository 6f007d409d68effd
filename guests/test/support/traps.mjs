/** What this process's engine throws when a guest traps. */
import assert from 'node:assert/strict';

/**
 * @param {() => unknown} call
 * @param {RegExp} message
 */
export function assertTraps(call, message) {
  assert.throws(call, error => {
    assert.match(`${error.name}: ${error.message}`, message);
    return true;
  });
}
