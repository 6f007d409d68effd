/**
 * Values as CBOR (RFC 8949): smaller than JSON, and with bytes, big integers and `undefined`.
 *
 * @packageDocumentation
 */
import { type DecodeOptions, decode, type EncodeOptions, encode } from 'cborg';
import { bigIntDecoder, bigIntEncoder, bigNegIntDecoder, TAG_BIGINT_NEG, TAG_BIGINT_POS } from 'cborg/taglib';
import type { Codec } from './codec.js';

/** Big integers of more than 64 bits, which plain CBOR has only as tags. */
const writing: EncodeOptions = { typeEncoders: { bigint: bigIntEncoder } };
const reading: DecodeOptions = { tags: { [TAG_BIGINT_POS]: bigIntDecoder, [TAG_BIGINT_NEG]: bigNegIntDecoder } };

/** Values as CBOR. */
export function cbor<Message = unknown, Reply = unknown>(): Codec<Message, Reply> {
  return {
    encode: message => encode(message, writing),
    // An actor in JavaScript that returns nothing replies with no bytes.
    decode: bytes => (bytes.length === 0 ? undefined : decode(bytes, reading)) as Reply,
  };
}
