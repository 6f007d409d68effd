/**
 * Runs the snippets of the pages with the package as a user would import it. Marked by the word
 * behind the language: `runnable` runs alone; `file=NAME` is saved in the page's folder; `run` is a
 * command typed there. A comment behind `console.log(…);` is what that line prints.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inRoot } from '../../scripts/lib/paths.mjs';
import { sources } from '../tidy/source.mjs';

const BLOCK = /^```(\w+) (runnable|run|file=[\w.-]+)\n([\s\S]*?)^```$/gm;
const TIMEOUT_MS = 120_000;

const pages = [...sources(['docs'], /\.md$/), { path: 'README.md', text: readFileSync(inRoot('README.md'), 'utf8') }];

/** What the snippet says it prints, line by line. */
const promised = code => [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(match => match[1].trim());

function execute(folder, args) {
  const options = { cwd: folder, encoding: 'utf8', timeout: TIMEOUT_MS };
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, options);
  assert.equal(error, undefined, `${args.join(' ')} took longer than ${TIMEOUT_MS} ms:\n${stderr}`);
  assert.equal(status, 0, `${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout.split('\n').filter(line => line !== '');
}

/** Every promised line is printed, in that order; events may print others in between. */
function assertPrinted(lines, code) {
  let from = 0;
  for (const line of promised(code)) {
    const at = lines.indexOf(line, from);
    assert.ok(at >= 0, `expected the line\n  ${line}\nin\n  ${lines.join('\n  ')}`);
    from = at + 1;
  }
}

/** A command of a page: always `node …`, typed in a folder one below the repository's root. */
function runCommand(folder, command, files) {
  const [program, ...args] = command.trim().split(/\s+/);
  assert.equal(program, 'node', `${command}: only node is run`);
  const lines = execute(
    folder,
    args.map(arg => (arg.startsWith('../') ? inRoot(arg.slice(3)) : arg)),
  );
  assertPrinted(lines, files.get(args[0]) ?? '');
}

function runBlock({ kind, code, folder, files, at }) {
  if (kind.startsWith('file=')) {
    files.set(kind.slice(5), code);
    writeFileSync(join(folder, kind.slice(5)), code);
  } else if (kind === 'run') {
    for (const command of code.trim().split('\n')) runCommand(folder, command, files);
  } else {
    const name = `snippet-${at}.mjs`;
    writeFileSync(join(folder, name), code);
    assertPrinted(execute(folder, [name]), code);
  }
}

for (const { path, text } of pages) {
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) continue;
  test(`${path}: its ${blocks.length} snippets run and print what they say`, async page => {
    // Inside the repository, so that the package can be imported by its name.
    const folder = inRoot('build', 'snippets', path.replace(/\W+/g, '-'));
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const files = new Map();
    for (const [at, [, , kind, code]] of blocks.entries()) {
      await page.test(`${path} #${at + 1} (${kind})`, () => runBlock({ kind, code, folder, files, at }));
    }
  });
}

test('every JavaScript and TypeScript block of the pages is run', () => {
  const idle = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/^```(js|ts|mjs|javascript|typescript)\s*$/gm)].map(() => path),
  );
  assert.deepEqual(idle, []);
});
