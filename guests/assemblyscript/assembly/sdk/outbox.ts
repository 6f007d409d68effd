/** The result of a turn: a header of two words, then effects. The area grows and is used again. */
import { Address } from "./address";

export const REPLY: u32 = 1;
export const FAIL: u32 = 2;
const TELL: u32 = 3;
const ASK: u32 = 4;
const LOG: u32 = 11;
const STOP: u32 = 12;
const CRASH: u32 = 13;
const AWAIT: u32 = 14;
const VERSION: u32 = 1;
const HEADER: u32 = 24;
const REPORT: u32 = 1 << 16;
const FOR: u32 = 2 << 16;

let area: usize = 0;
let capacity: u32 = 0;
let end: u32 = 0;
/** The turn ends with a wait for an answer. */
export let waits: bool = false;

export function begin(): void {
  end = 8;
  waits = false;
}

export function finish(consumed: u32): usize {
  if (area == 0) reserve(8);
  store<u32>(area, VERSION);
  store<u32>(area, consumed, 4);
  return area;
}

export function length(): u32 {
  return end;
}

function reserve(size: u32): void {
  if (size <= capacity) return;
  capacity = max<u32>(size, max<u32>(4096, capacity * 2));
  area = area == 0 ? heap.alloc(capacity) : heap.realloc(area, capacity);
}

/** Adds an effect and returns where its payload of `length` bytes goes; valid until the next one. */
function open(kind: u32, corr: u32, index: u32, low: u32, high: u32, length: u32): usize {
  const size = (length + HEADER + 7) & ~7;
  reserve(end + size);
  const frame = area + end;
  end += size;
  store<u32>(frame, length);
  store<u32>(frame, kind, 4);
  store<u32>(frame, corr, 8);
  store<u32>(frame, index, 12);
  store<u32>(frame, low, 16);
  store<u32>(frame, high, 20);
  // The padding is in the last word of eight bytes.
  if (size > HEADER) store<u64>(frame + size - 8, 0);
  return frame + HEADER;
}

export function answer(kind: u32, corr: u32, length: u32): usize {
  return open(kind, corr, 0, 0, 0, length);
}

/** Sends `length` bytes, which go to where this returns. */
export function tell(to: Address, length: u32): usize {
  return open(TELL, 0, to.index, to.low, to.high, length);
}

/** The same; a refusal comes back with the tag. */
export function tellReported(to: Address, tag: u32, length: u32): usize {
  return open(TELL | REPORT, tag, to.index, to.low, to.high, length);
}

/**
 * Asks; the answer comes back with the tag. A timeout of zero milliseconds is the host's default. With `awaitTag` it is
 * made on behalf of the message in hand; what is not awaited is on behalf of none.
 */
export function ask(to: Address, tag: u32, timeoutMs: u32, length: u32): usize {
  return openAsk(ASK, to, tag, timeoutMs, 0, length);
}

/** Asks on behalf of an ask of this actor, by its correlation: what is left of that one's deadline is not exceeded. */
export function askFor(to: Address, tag: u32, timeoutMs: u32, request: u32, length: u32): usize {
  return openAsk(ASK | FOR, to, tag, timeoutMs, request, length);
}

function openAsk(kind: u32, to: Address, tag: u32, timeoutMs: u32, request: u32, length: u32): usize {
  const payload = open(kind, tag, to.index, to.low, to.high, length + 8);
  store<u32>(payload, timeoutMs);
  store<u32>(payload, request, 4);
  return payload + 8;
}

/** Nothing but the answer to this tag is delivered until it comes. */
export function awaitTag(tag: u32): void {
  store<u32>(open(AWAIT, 0, 0, 0, 0, 4), tag);
  waits = true;
}

/** Levels: 0 debug, 1 info, 2 warn, 3 error. */
export function log(level: u32, text: string): void {
  const utf8 = String.UTF8.encode(text);
  memory.copy(open(LOG, level, 0, 0, 0, utf8.byteLength), changetype<usize>(utf8), utf8.byteLength);
}

export function stop(): void {
  open(STOP, 0, 0, 0, 0, 0);
}

/** Fails the turn as a trap does, saying why. */
export function crash(name: string, text: string): void {
  const utf8 = String.UTF8.encode(name + "\0" + text + "\0\0");
  memory.copy(open(CRASH, 0, 0, 0, 0, utf8.byteLength), changetype<usize>(utf8), utf8.byteLength);
}
