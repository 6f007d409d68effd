/** The examples run, say what they always say, and exit by themselves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inRoot } from '../../scripts/lib/paths.mjs';

/** No example takes this long; one that does keeps the process alive. */
const TIMEOUT_MS = 60_000;

for (const name of ['supervised', 'request-response', 'pubsub', 'composition']) {
  test(`examples/${name}.mjs prints its snapshot and exits by itself`, () => {
    const options = { cwd: inRoot('.'), encoding: 'utf8', timeout: TIMEOUT_MS };
    const { status, stdout, stderr, error } = spawnSync(process.execPath, [`examples/${name}.mjs`], options);
    assert.equal(error, undefined, `it did not exit within ${TIMEOUT_MS} ms:\n${stdout}${stderr}`);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, readFileSync(new URL(`snapshots/${name}.txt`, import.meta.url), 'utf8'));
  });
}
