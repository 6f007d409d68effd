/** The result of a turn: a header of two words, then effects. The area grows and is used again. */
import { Address } from "./address";

export const REPLY: u32 = 1;
export const FAIL: u32 = 2;
const TELL: u32 = 3;
const ASK: u32 = 4;
const PUBLISH: u32 = 9;
const SUBSCRIBE: u32 = 10;
const MONITOR: u32 = 5;
const DEMONITOR: u32 = 6;
const LINK: u32 = 7;
const UNLINK: u32 = 8;
const LOG: u32 = 11;
const STOP: u32 = 12;
const CRASH: u32 = 13;
const AWAIT: u32 = 14;
const UNSUBSCRIBE: u32 = 15;
const SET_TIMER: u32 = 16;
const CANCEL_TIMER: u32 = 17;
const STASH: u32 = 18;
const UNSTASH: u32 = 19;
const DISCARD: u32 = 20;
const VERSION: u32 = 1;
const HEADER: u32 = 24;
const REPORT: u32 = 1 << 16;
const FOR: u32 = 2 << 16;
/** On a publish: the message is kept as the last one of its topic. */
export const RETAIN: u32 = 2 << 16;

let area: usize = 0;
let capacity: u32 = 0;
let end: u32 = 0;
/** The turn ends with a wait for an answer. */
export let waits: bool = false;
/** Subscriptions were taken back in this turn. */
let unsubscribed: bool = false;

export function begin(): void {
  end = 8;
  waits = false;
  unsubscribed = false;
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

/** Publishes `length` bytes, which go to where this returns. Flags: `RETAIN`, or zero. */
export function publish(topic: string, flags: u32, length: u32): usize {
  return publication(topic, PUBLISH | flags, 0, length);
}

/** The same; if the topic is not allowed, a refusal comes back with the tag. */
export function publishReported(topic: string, flags: u32, tag: u32, length: u32): usize {
  return publication(topic, PUBLISH | flags | REPORT, tag, length);
}

function publication(topic: string, kind: u32, tag: u32, length: u32): usize {
  const utf8 = String.UTF8.encode(topic);
  return named(open(kind, tag, 0, 0, 0, 4 + padded(utf8.byteLength) + length), utf8, 4);
}

/**
 * Subscribes under a tag of the actor's own, below 2^31; one in use is taken over. It holds over restarts, until it is
 * taken back. In a queue group, which may be empty for none, one member gets each message.
 */
export function subscribe(tag: u32, pattern: string, group: string = "", once: bool = false): void {
  subscription(SUBSCRIBE, tag, pattern, group, once);
}

/** The same; if the pattern is not allowed, a refusal comes back with the tag. */
export function subscribeReported(tag: u32, pattern: string, group: string = "", once: bool = false): void {
  subscription(SUBSCRIBE | REPORT, tag, pattern, group, once);
}

function subscription(kind: u32, tag: u32, pattern: string, group: string, once: bool): void {
  const name = String.UTF8.encode(pattern);
  const label = String.UTF8.encode(group);
  const payload = open(kind, tag, 0, 0, 0, 8 + padded(name.byteLength) + label.byteLength);
  store<u32>(payload, once ? 1 : 0, 4);
  memory.copy(named(payload, name, 8), changetype<usize>(label), label.byteLength);
}

/** Takes a subscription back: no message of it begins to be handled any more. */
export function unsubscribe(tag: u32): void {
  open(UNSUBSCRIBE, tag, 0, 0, 0, 0);
  unsubscribed = true;
}

/** Drops a topic message of the turn, of which this is the tag, if its subscription was taken back in this turn. */
export function discards(tag: u32, position: u32): bool {
  if (!unsubscribed) return false;
  for (let frame = area + 8; frame < area + end; frame += (load<u32>(frame) + HEADER + 7) & ~7) {
    if (load<u16>(frame, 4) == UNSUBSCRIBE && load<u32>(frame, 8) == tag) {
      open(DISCARD, position, 0, 0, 0, 0);
      return true;
    }
  }
  return false;
}

function padded(length: u32): u32 {
  return (length + 3) & ~3;
}

/** Writes the length of a name, and the name, padded, at `skip`; returns what is behind it. */
function named(payload: usize, name: ArrayBuffer, skip: u32): usize {
  const size = padded(name.byteLength);
  store<u32>(payload, name.byteLength);
  if (size > 0) store<u32>(payload + skip + size - 4, 0);
  memory.copy(payload + skip, changetype<usize>(name), name.byteLength);
  return payload + skip + size;
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

/**
 * Watches an actor: `down` is told once, with the tag, when it has ended for good, soon if it has. A monitor
 * outlives the life of the actor that set it.
 */
export function monitor(it: Address, tag: u32): void {
  open(MONITOR, tag, it.index, it.low, it.high, 0);
}

/** Takes a monitor back. A notice that is in the same turn may still be told. */
export function demonitor(tag: u32): void {
  open(DEMONITOR, tag, 0, 0, 0, 0);
}

/** Shares the fate of an actor: an abnormal end of one ends the life of the other. */
export function link(it: Address): void {
  open(LINK, 0, it.index, it.low, it.high, 0);
}

/** Ends that. */
export function unlink(it: Address): void {
  open(UNLINK, 0, it.index, it.low, it.high, 0);
}

/** Nothing but the answer to this tag is delivered until it comes. */
export function awaitTag(tag: u32): void {
  store<u32>(open(AWAIT, 0, 0, 0, 0, 4), tag);
  waits = true;
}

/** One tick with this key after so many milliseconds; a timer that has the key is replaced. Its payload goes to where this returns. */
export function after(key: u32, delayMs: u32, length: u32): usize {
  return setTimer(key, delayMs, 0, 0, length);
}

/** A tick with this key a period after the last one was handled, again and again. */
export function every(key: u32, periodMs: u32, length: u32): usize {
  return setTimer(key, periodMs, periodMs, 1, length);
}

/** A tick with this key at every period, by a schedule. */
export function everyFixedRate(key: u32, periodMs: u32, length: u32): usize {
  return setTimer(key, periodMs, periodMs, 2, length);
}

function setTimer(key: u32, delayMs: u32, periodMs: u32, mode: u32, length: u32): usize {
  const payload = open(SET_TIMER, key, 0, 0, 0, length + 12);
  store<u32>(payload, delayMs);
  store<u32>(payload, periodMs, 4);
  store<u32>(payload, mode, 8);
  return payload + 12;
}

/** No tick with this key in a later turn. */
export function cancel(key: u32): void {
  open(CANCEL_TIMER, key, 0, 0, 0, 0);
}

/** Puts the frame at this place of the turn aside. */
export function stash(position: u32): void {
  open(STASH, position, 0, 0, 0, 0);
}

/** What was put aside comes next, in its order. */
export function unstash(): void {
  open(UNSTASH, 0, 0, 0, 0, 0);
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
