/**
 * Codecs turn values into the bytes that travel, and back. Without one, a message is bytes. `cbor()` has an
 * entry of its own, `wasm-troupe/cbor`, so that only programs that use it load it.
 */

/** How the messages to an actor are written, and its replies read. */
export interface Codec<Message, Reply = Message> {
  /** The bytes of a message. They are copied before the call that sent it returns. */
  encode(message: Message): Uint8Array;
  /** The value of a reply. The bytes belong to the caller. */
  decode(bytes: Uint8Array): Reply;
  /**
   * The other side, for actors in JavaScript: how the message is read and the reply is written. Needed only where
   * the two are written differently; otherwise `decode` and `encode` do both. See {@link messages}.
   */
  readonly served?: ServedCodec | undefined;
}

/** What an actor in JavaScript does with the bytes that its callers send and get. */
export interface ServedCodec {
  /** The value of a message. */
  decode(bytes: Uint8Array): unknown;
  /** The bytes of a reply. */
  encode(reply: never): Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as they are: what there is without a codec, for where one must be named. */
export function bytes(): Codec<Uint8Array> {
  return {
    encode(message) {
      if (!(message instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, received ${typeof message}`);
      return message;
    },
    decode: reply => reply,
  };
}

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

/**
 * One codec for messages and another one for replies, where they are written differently:
 * `messages(text()).replies(json<Unknown, Result>())`.
 */
export function messages<Message>(codec: Codec<Message, unknown>): {
  /** Says how replies are written. */
  replies<Reply>(codec: Codec<never, Reply>): Codec<Message, Reply>;
} {
  return {
    replies: replies => ({
      encode: message => codec.encode(message),
      decode: bytes => replies.decode(bytes),
      served: {
        decode: bytes => (codec.served ?? codec).decode(bytes),
        encode: reply => (replies.served ?? replies).encode(reply),
      },
    }),
  };
}

/** @internal How an actor in JavaScript reads its messages and writes its replies. */
export function servedBy(codec: Codec<never, unknown>): ServedCodec {
  return codec.served ?? codec;
}
