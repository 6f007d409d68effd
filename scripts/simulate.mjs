/**
 * `npm run simulate [-- --seeds N | --minutes M | --seed S | --planted]`: the kernel under seeded
 * random schedules of faults, with a model that checks what it promises. `--planted` builds a kernel
 * that has bugs on purpose, in a target folder of its own, and says which seed finds each.
 */
import { join } from 'node:path';
import { main } from './bootstrap.mjs';
import { cargoErrors, cargoProgress, checkToolchain } from './lib/native.mjs';
import { cargoTargetDir } from './lib/paths.mjs';
import { Step } from './lib/report.mjs';
import { run, ToolError } from './lib/run.mjs';

const PROFILE = 'local';

/** Builds the simulator; the path of its program. */
async function build(planted) {
  const target = planted ? join(cargoTargetDir(), 'planted') : cargoTargetDir();
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  if (planted) env.RUSTFLAGS = `${process.env.RUSTFLAGS ?? ''} --cfg troupe_planted`.trim();
  const step = new Step(planted ? 'Simulator, with planted bugs' : 'Simulator');
  const args = ['build', '--profile', PROFILE, '-p', 'troupe-sim', '--locked'];
  const { code, tail } = await run('cargo', args, { env, onLine: cargoProgress(step) });
  if (code !== 0) {
    step.failed();
    throw new ToolError(`the simulator does not build:\n${cargoErrors(tail)}`);
  }
  step.done();
  return join(target, PROFILE, process.platform === 'win32' ? 'troupe-sim.exe' : 'troupe-sim');
}

await main(async () => {
  const args = process.argv.slice(2);
  await checkToolchain();
  const program = await build(args.includes('--planted'));
  const { code } = await run(program, args, { onLine: line => process.stdout.write(`${line}\n`) });
  process.exitCode = code;
});
