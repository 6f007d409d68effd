import test from 'ava';
import { createTestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { runScenario, type SpawnScripted, scenariosFor } from './helpers/scenarios.js';
import { guest } from './helpers/system.js';

const spawn: SpawnScripted = async (system, options, { starts, peers }) =>
  system.spawn(await system.load(guest('as-scripted')), {
    ...options,
    limits: { ...options.limits, handlerTime: 20 },
    config: bytes(starts),
    peers,
  });

for (const scenario of scenariosFor('component')) {
  test(scenario.name, async t => {
    const system = await createTestSystem({ test: t });
    await runScenario(scenario, system, spawn);
    t.pass();
  });
}
