/** `npm start [-- folder] [-- --json]`: brings the checkout up to date, then runs the demo. */
import { spawn } from 'node:child_process';
import { bootstrap, main } from './bootstrap.mjs';
import { inRoot } from './lib/paths.mjs';

/** Runs the demo on our own terminal, in the folder where the command was typed. */
function demo(args) {
  const cwd = process.env.INIT_CWD || process.cwd();
  const child = spawn(process.execPath, [inRoot('examples/demo/main.mjs'), ...args], { stdio: 'inherit', cwd });
  // The terminal sends Ctrl-C to the demo as well; it ends in order, and then so do we.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

await main(async () => {
  await bootstrap();
  process.exitCode = await demo(process.argv.slice(2));
});
