import test from 'ava';
import { createTestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { type MakeScripted, runScenario, scenariosFor } from './helpers/scenarios.js';
import { guest } from './helpers/system.js';

const make: MakeScripted = async (system, options, { starts, peers }) => ({
  source: await system.load(guest('as-scripted')),
  options: { ...options, limits: { ...options.limits, handlerTime: 20 }, config: bytes(starts), peers },
});

for (const scenario of scenariosFor('component')) {
  test(scenario.name, async t => {
    const system = await createTestSystem({ test: t });
    await runScenario(scenario, system, make);
    t.pass();
  });
}
