/**
 * `node scripts/check-release.mjs TAG [--write-optional-dependencies]`: the gates of a release. One
 * addon of the right name per platform package, one version everywhere, that version unpublished.
 * With the flag it also lists the platform packages in package.json, for the time of publishing.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { inRoot, readJson } from './lib/paths.mjs';
import { say } from './lib/report.mjs';
import { runNpm } from './lib/run.mjs';

function packageProblems(folder, version) {
  const manifest = readJson(`npm/${folder}/package.json`);
  const addons = readdirSync(inRoot('npm', folder)).filter(name => name.endsWith('.node'));
  const found = [];
  if (manifest.version !== version) found.push(`npm/${folder}: version ${manifest.version}, not ${version}`);
  if (addons.length !== 1 || addons[0] !== manifest.main) {
    found.push(`npm/${folder}: expected exactly ${manifest.main}, found ${addons.join(', ') || 'no addon'}`);
  }
  return found;
}

async function problems(tag) {
  const { name, version, napi } = readJson('package.json');
  const folders = readdirSync(inRoot('npm'));
  const found = folders.flatMap(folder => packageProblems(folder, version));
  if (tag !== `v${version}`) found.push(`the tag is ${tag}, package.json has ${version}`);
  if (folders.length !== napi.targets.length)
    found.push(`${folders.length} platform packages for ${napi.targets.length} targets`);
  if (!existsSync(inRoot('CHANGELOG.md')) || /\(unreleased\)/.test(changelogOf(version))) {
    found.push(`CHANGELOG.md still calls ${version} unreleased`);
  }
  const published = await runNpm(['view', `${name}@${version}`, 'version', '--loglevel=silent']);
  if (published.tail.includes(version)) found.push(`${name}@${version} is published already`);
  return found;
}

const changelogOf = version =>
  readFileSync(inRoot('CHANGELOG.md'), 'utf8')
    .split('\n')
    .find(line => line.startsWith(`## ${version}`)) ?? '(unreleased)';

function writeOptionalDependencies() {
  const manifest = readJson('package.json');
  const names = readdirSync(inRoot('npm')).map(folder => `${manifest.name}-${folder}`);
  manifest.optionalDependencies = Object.fromEntries(names.map(name => [name, manifest.version]));
  writeFileSync(inRoot('package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'write-optional-dependencies': { type: 'boolean', default: false } },
});
if (values['write-optional-dependencies']) {
  writeOptionalDependencies();
} else {
  const found = await problems(positionals[0]);
  for (const problem of found) say(problem);
  if (found.length > 0) process.exitCode = 1;
  else say('ready to publish');
}
