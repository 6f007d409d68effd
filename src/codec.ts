/**
 * Codecs turn values into the bytes that travel, and back. Without one, a message is bytes.
 */

/** How the messages to an actor are written, and its replies read. */
export interface Codec<Message, Reply = Message> {
  /** The bytes of a message. They are copied before the call that sent it returns. */
  encode(message: Message): Uint8Array;
  /** The value of a reply. The bytes belong to the caller. */
  decode(bytes: Uint8Array): Reply;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Values as JSON in UTF-8. */
export function json<Message = unknown, Reply = unknown>(): Codec<Message, Reply> {
  return {
    encode(message) {
      const text: string | undefined = JSON.stringify(message);
      if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof message}`);
      return encoder.encode(text);
    },
    // An actor in JavaScript that returns nothing replies with no bytes.
    decode: bytes => (bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes))) as Reply,
  };
}

/** Strings in UTF-8. */
export function text(): Codec<string> {
  return {
    encode(message) {
      if (typeof message !== 'string') throw new TypeError(`expected a string, received ${typeof message}`);
      return encoder.encode(message);
    },
    decode: bytes => decoder.decode(bytes),
  };
}
