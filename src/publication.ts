/** What crosses the bridge when this environment, or an actor that it runs, publishes. */
import type { Address } from './record-header.js';

/** Keep the message as the last one of its topic. */
export const RETAIN = 2 << 16;
/** Somebody waits for the count of those who accept it. */
export const CONFIRM = 4 << 16;

/** Something to publish. */
export interface Publication {
  /** In whose name; the target of the record. */
  readonly publisher: Address;
  /** {@link PUBLISH}, and flags. */
  readonly kind: number;
  /** The topic: its bytes, or a text of which each character is one. */
  readonly topic: string | Uint8Array;
  /** The message. */
  readonly message: Uint8Array;
  /** This environment may be among those who get it. */
  readonly isLocal: boolean;
}

/** The kind of the record. */
export const PUBLISH = 269;

/** The bytes of a payload: the length of the topic, the topic padded to four bytes, the message. */
export function lengthOf({ topic, message }: Publication): number {
  return 4 + ((topic.length + 3) & ~3) + message.length;
}

/** Writes a payload where it is to lie: a topic that comes once costs no object. */
export function writePublication({ topic, message }: Publication, bytes: Uint8Array, start: number): void {
  const { length } = topic;
  bytes[start] = length;
  bytes[start + 1] = length >>> 8;
  bytes[start + 2] = length >>> 16;
  bytes[start + 3] = length >>> 24;
  const at = start + 4;
  if (typeof topic === 'string') {
    for (let index = 0; index < length; index += 1) bytes[at + index] = topic.charCodeAt(index);
  } else {
    bytes.set(topic, at);
  }
  const end = at + ((length + 3) & ~3);
  // The buffer was used before.
  for (let index = at + length; index < end; index += 1) bytes[index] = 0;
  bytes.set(message, end);
}

/** The payload by itself. */
export function payloadOf(publication: Publication): Uint8Array {
  const payload = new Uint8Array(lengthOf(publication));
  writePublication(publication, payload, 0);
  return payload;
}
