/**
 * The demo's tokeniser. A message is one line. Its words go to the peers "count0", "count1", …, each
 * word to the one its hash names. A line with a NUL or with bytes that are no UTF-8 traps.
 *
 * What a turn's lines gave is sent at the end of the turn, one message per counter. A message holds
 * entries of a hash (u32), a length (u8) and so many bytes; `guests/README.md` has the definitions.
 */
// asc: --initialMemory 32 --maximumMemory 32
import { Actor, Address, Message, peer, serve, tell } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

const KEY_LIMIT: usize = 64;
const MAX_COUNTERS: u32 = 64;
/** A message is sent once it has so many bytes, so that it fits into a turn beside others. */
const FULL: u32 = 24 * 1024;
const ENTRY_LIMIT: u32 = 5 + <u32>KEY_LIMIT;
/** A copy of a key moves eight bytes at a time. */
const BUFFER: u32 = FULL + ENTRY_LIMIT + 8;

/** For each byte: 0 between words, 1 for the first byte of a longer UTF-8 sequence, else the byte in lower case. */
const classes = memory.data(256);
const counters: Address[] = [];
let counterCount: u32 = 0;
let buffers: usize = 0;
const used = memory.data(4 * 64, 4);
const key = memory.data(64 + 8, 8);

function isWordByte(byte: i32): bool {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte == 0x5f;
}

function fillClasses(): void {
  for (let byte: i32 = 0; byte < 128; byte++) {
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
    store<u8>(classes + byte, isWordByte(byte) ? lower : 0);
  }
  memory.fill(classes + 128, 1, 128);
}

/** The length of the UTF-8 sequence at `at`; traps when there is none before `end`. */
function sequence(at: usize, end: usize): usize {
  const first = <u32>load<u8>(at);
  const second = at + 1 < end ? <u32>load<u8>(at, 1) : 0;
  if ((second & 0xc0) != 0x80) unreachable();
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (at + 2 >= end || (load<u8>(at, 2) & 0xc0) != 0x80) unreachable();
  if (first == 0xe0 && second < 0xa0) unreachable();
  if (first == 0xed && second > 0x9f) unreachable();
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (at + 3 >= end || (load<u8>(at, 3) & 0xc0) != 0x80) unreachable();
  if (first == 0xf0 && second < 0x90) unreachable();
  if (first == 0xf4 && second > 0x8f) unreachable();
  if (first < 0xf0 || first > 0xf4) unreachable();
  return 4;
}

/** Splits the line and returns nothing: words go to the buffers. */
function split(at: usize, end: usize): void {
  let length: usize = 0;
  let hash: u32 = 0x811c9dc5;
  while (at < end) {
    const class_ = <u32>load<u8>(classes + load<u8>(at));
    if (class_ > 1) {
      if (length < KEY_LIMIT) {
        store<u8>(key + length, class_);
        hash = (hash ^ class_) * 0x01000193;
      }
      length++;
      at++;
    } else if (class_ == 0) {
      if (load<u8>(at) == 0) unreachable();
      if (length != 0) {
        add(min(length, KEY_LIMIT), hash);
        length = 0;
        hash = 0x811c9dc5;
      }
      at++;
    } else {
      for (const next = at + sequence(at, end); at < next; at++) {
        if (length < KEY_LIMIT) {
          const byte = <u32>load<u8>(at);
          store<u8>(key + length, byte);
          hash = (hash ^ byte) * 0x01000193;
        }
        length++;
      }
    }
  }
  if (length != 0) add(min(length, KEY_LIMIT), hash);
}

/** Adds an entry for the key of `length` bytes. */
function add(length: usize, hash: u32): void {
  const counter = hash % counterCount;
  const at = load<u32>(used + 4 * counter);
  const entry = buffers + counter * BUFFER + at;
  store<u32>(entry, hash);
  store<u8>(entry, length, 4);
  for (let done: usize = 0; done < length; done += 8) store<u64>(entry + done, load<u64>(key + done), 5);
  const next = at + 5 + <u32>length;
  store<u32>(used + 4 * counter, next);
  if (next >= FULL) send(counter);
}

function send(counter: u32): void {
  const length = load<u32>(used + 4 * counter);
  if (length == 0) return;
  memory.copy(tell(counters[counter], length), buffers + counter * BUFFER, length);
  store<u32>(used + 4 * counter, 0);
}

class Tokenise extends Actor {
  start(): string | null {
    for (let found = peer("count0"); found != null && counterCount < MAX_COUNTERS; found = peer("count" + counterCount.toString())) {
      counters.push(found);
      counterCount++;
    }
    if (counterCount == 0) return "tokenise: the peer 'count0' is missing";
    buffers = heap.alloc(<usize>counterCount * BUFFER);
    return null;
  }

  handle(message: Message): void {
    split(message.data, message.data + message.length);
    // An ask is answered once the line was found good.
    message.reply(0, 0);
  }

  flush(): void {
    for (let counter: u32 = 0; counter < counterCount; counter++) send(counter);
  }
}

fillClasses();
serve(new Tokenise());
