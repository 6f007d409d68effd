/** What crosses the bridge when this environment, or an actor that it runs, publishes. */
/** Keep the message as the last one of its topic. */
export const RETAIN = 2 << 16;
/** Somebody waits for the count of those who accept it. */
export const CONFIRM = 4 << 16;

/** Something to publish. */
export interface Publication {
  /** In whose name; the target of the record. */
  readonly publisher: { readonly index: number; readonly tagLo: number; readonly tagHi: number };
  /** {@link PUBLISH}, and flags. */
  readonly kind: number;
  /** Length of the topic, the topic padded to four bytes, the message. */
  readonly payload: Uint8Array;
  /** Who waits; 0 for nobody. */
  readonly slot: number;
  /** This environment may be among those who get it. */
  readonly isLocal: boolean;
}

/** The kind of the record. */
export const PUBLISH = 269;

/** The topic as it lies in front of a message, and the message. */
export function payloadOf(head: Uint8Array, message: Uint8Array): Uint8Array {
  const payload = new Uint8Array(head.length + message.length);
  payload.set(head);
  payload.set(message, head.length);
  return payload;
}
