/** `node scripts/build-native.mjs [--profile local|bench-dev|release] [--force]`: builds the addon. */
import { parseArgs } from 'node:util';
import { buildNative, nativeIsCurrent } from './lib/native.mjs';
import { addonFile } from './lib/paths.mjs';
import { Step, say } from './lib/report.mjs';

const { values } = parseArgs({
  options: { profile: { type: 'string', default: 'local' }, force: { type: 'boolean', default: false } },
});

if (!values.force && nativeIsCurrent(values.profile)) {
  say(`${addonFile()} is current (profile ${values.profile})`);
} else {
  const step = new Step(`Native build (profile ${values.profile})`);
  try {
    await buildNative(values.profile, step);
    step.done(addonFile());
  } catch (error) {
    step.failed();
    say(error.message);
    process.exitCode = 1;
  }
}
