/**
 * The closed lists that both sides of the bridge share: error codes in the order of their numbers,
 * and the tags of exit reasons. The order is the protocol; a test compares both with the addon's own.
 */

/** Every error code; its position is its number on the wire, and number 0 is success. */
export const ERROR_CODES = [
  'OK',
  'ERR_ASK_TIMEOUT',
  'ERR_ABORTED',
  'ERR_MAILBOX_FULL',
  'ERR_NO_SUCH_ACTOR',
  'ERR_ACTOR_STOPPED',
  'ERR_ACTOR_CRASHED',
  'ERR_GUEST_TRAP',
  'ERR_GUEST_DEADLINE',
  'ERR_GUEST_MEMORY',
  'ERR_GUEST_STACK',
  'ERR_GUEST_FAILURE',
  'ERR_COMPONENT_INVALID',
  'ERR_CAPABILITY_DENIED',
  'ERR_RESTART_INTENSITY',
  'ERR_NAME_TAKEN',
  'ERR_NAME_INVALID',
  'ERR_TOPIC_INVALID',
  'ERR_MESSAGE_TOO_LARGE',
  'ERR_ASK_CYCLE',
  'ERR_SHUTDOWN',
  'ERR_CONFIG',
  'ERR_VALUE',
  'ERR_START_FAILED',
  'ERR_START_TIMEOUT',
  'ERR_COMPONENT_NOT_FOUND',
  'ERR_GUEST_PROTOCOL',
  'ERR_ACTOR_GAVE_UP',
  'ERR_NO_RESPONDERS',
  'ERR_NATIVE_UNSUPPORTED',
  'ERR_INTERNAL',
  'ERR_CHILD',
] as const;

/** What went wrong, as a stable string to branch on. */
export type ErrorCode = Exclude<(typeof ERROR_CODES)[number], 'OK'>;

/** Every tag of an exit reason (`FAIL-5`). */
export const REASON_TAGS = [
  'trap',
  'stack-overflow',
  'oom',
  'deadline',
  'fuel',
  'host-error',
  'host-panic',
  'exit',
  'health',
  'start-failed',
  'start-timeout',
  'killed',
  'shutdown',
  'normal',
  'upgrade-failed',
  'intensity',
  'linked',
  'no-such-actor',
] as const;

/** Why an actor ended, as a stable string to branch on. */
export type ReasonTag = (typeof REASON_TAGS)[number];

/** The error that stands for an actor's end or crash with this tag. */
export const CODE_OF_REASON = {
  trap: 'ERR_GUEST_TRAP',
  'stack-overflow': 'ERR_GUEST_STACK',
  oom: 'ERR_GUEST_MEMORY',
  deadline: 'ERR_GUEST_DEADLINE',
  fuel: 'ERR_GUEST_DEADLINE',
  'host-error': 'ERR_GUEST_PROTOCOL',
  'host-panic': 'ERR_INTERNAL',
  exit: 'ERR_GUEST_TRAP',
  health: 'ERR_ACTOR_CRASHED',
  'start-failed': 'ERR_START_FAILED',
  'start-timeout': 'ERR_START_TIMEOUT',
  killed: 'ERR_ACTOR_STOPPED',
  shutdown: 'ERR_SHUTDOWN',
  normal: 'ERR_ACTOR_STOPPED',
  'upgrade-failed': 'ERR_START_FAILED',
  intensity: 'ERR_RESTART_INTENSITY',
  linked: 'ERR_ACTOR_STOPPED',
  'no-such-actor': 'ERR_NO_SUCH_ACTOR',
} as const satisfies Record<ReasonTag, ErrorCode>;

/** The error that an ask rejects with, by the outcome it had (`ASK-2`). */
export const CODE_OF_OUTCOME = {
  timeout: 'ERR_ASK_TIMEOUT',
  'no-such-actor': 'ERR_NO_SUCH_ACTOR',
  stopped: 'ERR_ACTOR_STOPPED',
  crashed: 'ERR_ACTOR_CRASHED',
  'gave-up': 'ERR_ACTOR_GAVE_UP',
  'mailbox-full': 'ERR_MAILBOX_FULL',
  aborted: 'ERR_ABORTED',
  'too-large': 'ERR_MESSAGE_TOO_LARGE',
  'no-responders': 'ERR_NO_RESPONDERS',
  'no-connection': 'ERR_NO_RESPONDERS',
  'handler-error': 'ERR_GUEST_FAILURE',
  shutdown: 'ERR_SHUTDOWN',
  cycle: 'ERR_ASK_CYCLE',
} as const satisfies Record<string, ErrorCode>;
