/**
 * Licences and sources of every crate that is linked into the addon, by the lists of `deny.toml`.
 * Needs only cargo metadata. Also: the package itself has no dependencies at run time.
 */
import { readFileSync } from 'node:fs';
import { cargoTargetDir, inRoot, readJson } from './lib/paths.mjs';
import { say } from './lib/report.mjs';
import { run } from './lib/run.mjs';

/** The strings of one list in deny.toml. */
function listOf(section, key) {
  const text = readFileSync(inRoot('deny.toml'), 'utf8');
  const body = text.split(/^\[/m).find(part => part.startsWith(`${section}]`)) ?? '';
  const list = new RegExp(`^${key} = \\[([^\\]]*)\\]`, 'm').exec(body)?.[1] ?? '';
  return [...list.matchAll(/"([^"]+)"/g)].map(match => match[1]);
}

/** Whether an SPDX expression can be satisfied with the allowed licences. Old crates write `/` for OR. */
export function isAllowed(expression, allowed) {
  const text = expression.replaceAll('/', ' OR ').replace(/\s+WITH\s+/g, '+WITH+');
  const names = new Set(allowed.map(name => name.replace(' WITH ', '+WITH+')));
  const tokens = text.match(/\(|\)|[^\s()]+/g) ?? [];
  const either = () => {
    let value = both();
    while (tokens[0] === 'OR') {
      tokens.shift();
      value = both() || value;
    }
    return value;
  };
  const both = () => {
    let value = one();
    while (tokens[0] === 'AND') {
      tokens.shift();
      value = one() && value;
    }
    return value;
  };
  const one = () => {
    const token = tokens.shift();
    if (token !== '(') return names.has(token);
    const value = either();
    tokens.shift();
    return value;
  };
  return either();
}

/** Packages that the addon links, build and test tools left out. */
function shippedPackages(metadata) {
  const nodes = new Map(metadata.resolve.nodes.map(node => [node.id, node]));
  const waiting = metadata.workspace_members.slice();
  const seen = new Set(waiting);
  while (waiting.length > 0) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(waiting.pop()).deps) {
      if (seen.has(pkg) || !kinds.some(({ kind }) => kind === null)) continue;
      seen.add(pkg);
      waiting.push(pkg);
    }
  }
  return metadata.packages.filter(({ id }) => seen.has(id));
}

async function problems() {
  let json = '';
  const { code, tail } = await run('cargo', ['metadata', '--format-version', '1', '--locked'], {
    env: { ...process.env, CARGO_TARGET_DIR: cargoTargetDir() },
    onLine: (line, isError) => {
      if (!isError) json += line;
    },
  });
  if (code !== 0) return [`cargo metadata failed: ${tail.slice(-5).join(' ')}`];
  const metadata = JSON.parse(json);
  const allowed = listOf('licenses', 'allow');
  const registries = listOf('sources', 'allow-registry').map(url => `registry+${url}`);
  const own = new Set(metadata.workspace_members);
  const found = [];
  for (const { name, version, source, id } of metadata.packages) {
    if (!own.has(id) && !registries.includes(source)) found.push(`${name} ${version}: source ${source ?? 'a path'}`);
  }
  for (const { name, version, license } of shippedPackages(metadata)) {
    if (!isAllowed(license ?? '', allowed)) found.push(`${name} ${version}: licence ${license ?? 'not stated'}`);
  }
  const runtime = Object.keys(readJson('package.json').dependencies ?? {});
  for (const name of runtime) found.push(`package.json: dependency ${name}; the package has none at run time`);
  return found;
}

const found = await problems();
for (const problem of found) say(problem);
if (found.length > 0) process.exitCode = 1;
else say('licences and sources are as deny.toml allows');
