/**
 * Testing actors: a system whose clock a test moves, probes, fake guests, and faults on demand.
 *
 * @packageDocumentation
 */
export type { Faults } from '../faults.js';
export type { TestClock } from './clock.js';
export { type FakeGuest, type FakeGuestFunctions, type FakeMessage, fakeGuest } from './fake-guest.js';
export type { Expected, Probe, ProbeOptions, Received, WithinOptions } from './probe.js';
export type { TestContext } from './seed.js';
export { createTestSystem, type TestSystem, type TestSystemOptions } from './test-system.js';
