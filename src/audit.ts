/** The sums of a system: what became of every message that was ever offered (`DLV-2`). */

/** A sum, and its parts by reason. */
export interface Tally {
  /** The sum of the parts. */
  readonly total: number;
  /** Messages by reason, such as `stopped` or `mailbox-full`. */
  readonly byReason: Readonly<Record<string, number>>;
}

/**
 * `offered = accepted + refused`, and
 * `accepted = handled + failedInHandler + discarded + expired + aborted + queued + inHand`.
 */
export interface Audit {
  /** Whether both sums agree. While messages are under way they may not. */
  readonly balanced: boolean;
  /** Messages and requests that were sent to somebody. */
  readonly offered: number;
  /** Those that came into a mailbox. */
  readonly accepted: number;
  /** Those that did not. */
  readonly refused: Tally;
  /** Handled without a crash. */
  readonly handled: number;
  /** Their handler crashed. */
  readonly failedInHandler: number;
  /** Dropped unread after they were accepted. */
  readonly discarded: Tally;
  /** Requests whose deadline had passed before their turn came. */
  readonly expired: number;
  /** Requests whose caller gave up before their turn came. */
  readonly aborted: number;
  /** In mailboxes now. */
  readonly queued: number;
  /** In the hands of handlers now. */
  readonly inHand: number;
  /** Replies that came after their request had been settled; no messages, so no part of the sums. */
  readonly lateReplies: number;
  /** Dead letters since the system was created: a record of each message that was refused, failed, discarded or expired. */
  readonly deadLetters: Tally;
  /** Published messages that nobody was subscribed to; offered to nobody, so no part of the sums. */
  readonly unheard: number;
  /** Published messages for subscriptions of this environment that it was too busy to take; no part of the sums. */
  readonly dropped: number;
  /** Events that this environment was too busy to take; each gap is an event of its own, `events:dropped`. */
  readonly eventsDropped: number;
  /** Actors by state. */
  readonly actors: Readonly<Record<string, number>>;
}

/** Adds messages that were sent after the end: they are offered, and refused. */
export function addLate(audit: Audit, late: number): Audit {
  if (late === 0) return audit;
  const { total, byReason } = audit.refused;
  const refused = { total: total + late, byReason: { ...byReason, shutdown: (byReason['shutdown'] ?? 0) + late } };
  return { ...audit, offered: audit.offered + late, refused };
}
