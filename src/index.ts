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
export type { ActorCounters, ActorRef, ActorState, ActorStatus, Down } from './actor-ref.js';
export type { Audit, Tally } from './audit.js';
export type { Branch, ChildCount, SupervisorStats } from './branch.js';
export type { ListenOptions, PublishOptions, SubscribeOptions } from './broker.js';
export type { CacheFolder } from './cache-folder.js';
export {
  type AutoShutdown,
  type ChildDefaults,
  type ChildDefinition,
  type ChildEntry,
  type ChildOptions,
  type ChildRules,
  type Children,
  child,
  type LocalOptions,
  type NestedOptions,
  type PoolBudget,
  type PoolDefinition,
  type PoolOptions,
  pool,
  type Strategy,
  type SupervisorOptions,
  type TopPoolOptions,
} from './children.js';
export { bytes, type Codec, json, messages, type ServedCodec, text } from './codec.js';
export type { Component } from './component.js';
export type {
  CaptureOptions,
  DeadLetter,
  DeadLetterFilter,
  LossReason,
  ResendOptions,
} from './dead-letters.js';
export type { Duration, Size } from './duration.js';
export type { ErrorCode, ReasonTag } from './error-codes.js';
export {
  AbortedError,
  ActorCrashedError,
  ActorStoppedError,
  AskTimeoutError,
  CapabilityError,
  ChildError,
  type ChildProblem,
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
export type { EventCallbacks } from './event-callbacks.js';
export type {
  ActorCrashEvent,
  ActorEndEvent,
  ActorEvent,
  ActorHealthEvent,
  ActorRestartEvent,
  ActorWaterEvent,
  EventName,
  EventsDroppedEvent,
  HookFailedEvent,
  HostEvent,
  LogEvent,
  LongHandlerEvent,
  MessageEvent,
  MessageProcessedEvent,
  QueueAgeEvent,
  SupervisorEvent,
  TroupeEvents,
} from './events.js';
export type { Faults } from './faults.js';
export type { GroupChange, GroupWatcher } from './groups.js';
export type {
  HealthAnswer,
  HealthCheckConfig,
  HealthReport,
  HealthState,
  HealthStatus,
  SystemHealth,
} from './health.js';
export type { KeepAliveMode } from './keep-alive.js';
export type {
  HookContext,
  HookEndContext,
  HookErrorContext,
  HookHealthContext,
  HookMessageContext,
  HookProcessedContext,
  HookRestartContext,
  LifecycleHooks,
  PreStartContext,
} from './lifecycle.js';
export type { Logger } from './logger.js';
export type { Monitor } from './monitor.js';
export type {
  BackoffKind,
  BackoffOptions,
  CacheOptions,
  Limits,
  LocalLimits,
  OverflowPolicy,
  RestartType,
  ShutdownOptions,
  SpawnOptions,
  SystemOptions,
  WarnAfter,
} from './options.js';
export type { Pool, PoolMember } from './pool.js';
export type { Queued } from './queued.js';
export type { Receiver, Routed, Routes } from './receiver.js';
export type { RequestOptions, StopOptions } from './request-options.js';
export type { Routing, RoutingKey } from './router.js';
export {
  SchemaError,
  type SchemaInput,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  schema,
} from './schema.js';
export type { HandledSignal } from './signals.js';
export type { CustomState } from './state.js';
export type { Subscription, SubscriptionOverflow, TopicMessage } from './subscription.js';
export type {
  ChildHandle,
  ChildrenOf,
  ChildStatus,
  HandleOf,
  HistoryEntry,
  Supervisor,
} from './supervisor.js';
export { type ActorEntry, ActorSystem, type FindOptions, type Named } from './system.js';
export type { Timer, TimerOptions } from './timer.js';
export type { SubscribeActorOptions, TopicSubscription } from './topics.js';
export type { SupervisorEntry, TreeEntry } from './tree-view.js';
