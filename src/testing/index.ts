/**
 * Testing actors: a system whose clock a test moves, and faults on demand.
 *
 * @packageDocumentation
 */
export type { Faults } from '../faults.js';
export type { TestClock } from './clock.js';
export type { TestContext } from './seed.js';
export { createTestSystem, type TestSystem, type TestSystemOptions } from './test-system.js';
