/**
 * The demo's counter. A message holds entries of a hash (u32), a length (u8) and so many bytes, each
 * counted under these bytes. An ask with a u32 k is answered with the totals and the k most frequent
 * words; `guests/README.md` has the layout.
 *
 * Words lie in chunks as [hash u32, count u32, length u8, bytes], at multiples of four. A table of
 * twice as many slots as words at least leads there: [hash u32, place u32], place 0 for a free slot.
 */
import { Actor, Message, serve } from "../sdk";

export { cabi_realloc, handle, health, start, stop } from "../sdk";

const CHUNK: usize = 64 * 1024;
/** Comparing and copying go eight bytes at a time. */
const SLACK: usize = 8;

let table: usize = 0;
let mask: u32 = 0;
let distinct: u32 = 0;
let total: u32 = 0;
let chunk: usize = 0;
let chunkEnd: usize = 0;

function makeTable(slots: u32): void {
  table = heap.alloc(<usize>slots << 3);
  memory.fill(table, 0, <usize>slots << 3);
  mask = slots - 1;
}

/** Spreads a hash: all of a counter's words have the same rest by the number of counters. */
function slotOf(hash: u32): u32 {
  return ((hash * 0x9e3779b1) >> 7) & mask;
}

function grow(): void {
  const old = table;
  const oldEnd = table + ((<usize>mask + 1) << 3);
  makeTable((mask + 1) << 1);
  for (let from = old; from < oldEnd; from += 8) {
    const place = load<u32>(from, 4);
    if (place == 0) continue;
    const hash = load<u32>(from);
    let slot = slotOf(hash);
    while (load<u32>(table + (<usize>slot << 3), 4) != 0) slot = (slot + 1) & mask;
    store<u32>(table + (<usize>slot << 3), hash);
    store<u32>(table + (<usize>slot << 3), place, 4);
  }
  heap.free(old);
}

function equal(a: usize, b: usize, length: u32): bool {
  while (length >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    length -= 8;
  }
  // Of the last word the bytes past the end do not count.
  return length == 0 || (load<u64>(a) ^ load<u64>(b)) << (64 - (<u64>length << 3)) == 0;
}

/** Keeps a new word with a count of one. */
function keep(hash: u32, bytes: usize, length: u32): usize {
  const size = (9 + <usize>length + 3) & ~3;
  if (chunk + size > chunkEnd) {
    chunk = heap.alloc(CHUNK + SLACK);
    chunkEnd = chunk + CHUNK;
  }
  const place = chunk;
  chunk += size;
  store<u32>(place, hash);
  store<u32>(place, 1, 4);
  store<u8>(place, length, 8);
  memory.copy(place + 9, bytes, length);
  return place;
}

function count(hash: u32, bytes: usize, length: u32): void {
  let slot = slotOf(hash);
  for (;;) {
    const at = table + (<usize>slot << 3);
    const place = <usize>load<u32>(at, 4);
    if (place == 0) {
      store<u32>(at, hash);
      store<u32>(at, <u32>keep(hash, bytes, length), 4);
      distinct++;
      if (distinct * 2 > mask) grow();
      return;
    }
    if (load<u32>(at) == hash && load<u8>(place, 8) == length && equal(place + 9, bytes, length)) {
      store<u32>(place, load<u32>(place, 4) + 1, 4);
      return;
    }
    slot = (slot + 1) & mask;
  }
}

/** Whether the word at `a` stands before the one at `b`: more frequent, or equally so and lower by its bytes. */
function before(a: usize, b: usize): bool {
  const left = load<u32>(a, 4);
  const right = load<u32>(b, 4);
  if (left != right) return left > right;
  const leftLength = <i32>load<u8>(a, 8);
  const rightLength = <i32>load<u8>(b, 8);
  const order = memory.compare(a + 9, b + 9, min(leftLength, rightLength));
  return order < 0 || (order == 0 && leftLength < rightLength);
}

/** The k first words in order, in an array of places. */
function top(k: u32): StaticArray<u32> {
  const size = min(k, distinct);
  const best = new StaticArray<u32>(size);
  let filled: u32 = 0;
  const end = table + ((<usize>mask + 1) << 3);
  for (let at = table; at < end; at += 8) {
    const place = load<u32>(at, 4);
    if (place == 0 || size == 0) continue;
    if (filled == size && !before(place, unchecked(best[size - 1]))) continue;
    let to = filled < size ? filled++ : size - 1;
    while (to > 0 && before(place, unchecked(best[to - 1]))) {
      unchecked((best[to] = best[to - 1]));
      to--;
    }
    unchecked((best[to] = place));
  }
  return best;
}

function answerTop(message: Message): void {
  const best = top(message.word(0));
  let length: u32 = 12;
  for (let i = 0; i < best.length; i++) length += 5 + load<u8>(best[i], 8);
  const reply = new Uint8Array(length);
  let at = reply.dataStart;
  store<u32>(at, total);
  store<u32>(at, distinct, 4);
  store<u32>(at, best.length, 8);
  at += 12;
  for (let i = 0; i < best.length; i++) {
    const place = <usize>best[i];
    const bytes = <u32>load<u8>(place, 8);
    store<u32>(at, load<u32>(place, 4));
    memory.copy(at + 4, place + 8, bytes + 1);
    at += 5 + bytes;
  }
  message.reply(reply.dataStart, length);
}

class Count extends Actor {
  start(): string | null {
    makeTable(1024);
    return null;
  }

  handle(message: Message): void {
    if (message.isAsk) {
      answerTop(message);
      __collect();
      return;
    }
    const end = message.data + message.length;
    for (let at = message.data; at < end; ) {
      const length = <u32>load<u8>(at, 4);
      const next = at + 5 + length;
      if (next > end) unreachable();
      count(load<u32>(at), at + 5, length);
      total++;
      at = next;
    }
  }
}

serve(new Count());
