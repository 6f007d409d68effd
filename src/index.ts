/**
 * WebAssembly components as supervised actors.
 *
 * @packageDocumentation
 */
export {
  type ActorContext,
  type ActorDefinition,
  type ActorFunctions,
  type ActorLog,
  actor,
  type Failure,
  type Handled,
} from './actor.js';
export type { ActorCounters, ActorRef, ActorState, ActorStatus } from './actor-ref.js';
export type { Audit, Tally } from './audit.js';
export type { CacheFolder } from './cache-folder.js';
export { type Codec, json, text } from './codec.js';
export type { Component } from './component.js';
export type { Duration, Size } from './duration.js';
export type { ErrorCode, ReasonTag } from './error-codes.js';
export {
  AbortedError,
  ActorCrashedError,
  ActorStoppedError,
  AskTimeoutError,
  CapabilityError,
  ComponentError,
  ConfigError,
  type ErrorData,
  type ErrorInit,
  type ExitReason,
  GuestFailureError,
  GuestTrapError,
  MailboxFullError,
  NativeLoadError,
  StartError,
  SupervisorGaveUpError,
  TroupeError,
  ValueError,
} from './errors.js';
export type {
  ActorCrashEvent,
  ActorEndEvent,
  ActorEvent,
  ActorRestartEvent,
  DeadLetter,
  EventName,
  HostEvent,
  LogEvent,
  TroupeEvents,
} from './events.js';
export type { Faults } from './faults.js';
export type { KeepAliveMode } from './keep-alive.js';
export type { Logger } from './logger.js';
export type {
  BackoffKind,
  BackoffOptions,
  CacheOptions,
  Limits,
  OverflowPolicy,
  RestartType,
  ShutdownOptions,
  SpawnOptions,
  SystemOptions,
} from './options.js';
export type { RequestOptions, StopOptions } from './request-options.js';
export { type ActorEntry, ActorSystem, type FindOptions, type LocalSpawnOptions } from './system.js';
