/**
 * `node scripts/check-addon.mjs FILE`: the addon is within its size budget and, on glibc, asks for
 * nothing newer than the oldest glibc that is supported. Needs `objdump`.
 */
import { statSync } from 'node:fs';
import { say } from './lib/report.mjs';
import { run } from './lib/run.mjs';

const MAX_BYTES = 16 * 1024 * 1024;
const GLIBC_FLOOR = [2, 17];

async function problems(file) {
  const found = [];
  const { size } = statSync(file);
  if (size > MAX_BYTES) found.push(`${file} has ${size} bytes, more than ${MAX_BYTES}`);
  if (!file.includes('-gnu')) return found;
  const versions = new Set();
  const { code, tail } = await run('objdump', ['-T', file], {
    onLine: line => {
      const version = /GLIBC_(\d+)\.(\d+)/.exec(line);
      if (version) versions.add(`${version[1]}.${version[2]}`);
    },
  });
  if (code !== 0) return [...found, `objdump: ${tail.slice(-3).join(' ')}`];
  const isNewer = ([major, minor]) => major > GLIBC_FLOOR[0] || (major === GLIBC_FLOOR[0] && minor > GLIBC_FLOOR[1]);
  const newer = [...versions].filter(version => isNewer(version.split('.').map(Number)));
  if (newer.length > 0)
    found.push(`${file} needs glibc ${newer.sort().join(', ')}; the floor is ${GLIBC_FLOOR.join('.')}`);
  return found;
}

const file = process.argv[2];
const found = file === undefined ? ['usage: node scripts/check-addon.mjs FILE'] : await problems(file);
for (const problem of found) say(problem);
if (found.length > 0) process.exitCode = 1;
else say(`${file} is within its budget`);
