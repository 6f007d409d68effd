/**
 * The actor's own mailbox, as far as the host tells: in front of each turn, with the spawn option `pressure`. Without it
 * everything here is zero.
 */
const PRESSURE: u32 = 10;
const HIGH: u16 = 1;

let messages: u32 = 0;
let size: u32 = 0;
let most: u32 = 0;
let mostBytes: u32 = 0;
let high: bool = false;

/** A frame of the turn was taken. */
export function take(frame: usize): void {
  const kind = <u32>load<u16>(frame, 4);
  if (kind == PRESSURE) {
    high = (load<u16>(frame, 6) & HIGH) != 0;
    messages = load<u32>(frame, 24);
    size = load<u32>(frame, 28);
    most = load<u32>(frame, 32);
    mostBytes = load<u32>(frame, 36);
    return;
  }
  const bytes = (load<u32>(frame) + 31) & ~7;
  size -= min(bytes, size);
  if (messages > 0 && (kind == 1 || kind == 2 || kind == 7)) messages--;
}

/** Messages that wait behind the one in hand: as it was when the turn began, less what was taken since. */
export function queued(): u32 {
  return messages;
}

/** Bytes of everything that waits, with the header of each message. */
export function queuedBytes(): u32 {
  return size;
}

/** Most messages that the mailbox holds; 2^32 - 1 for no bound. */
export function capacity(): u32 {
  return most;
}

/** Most bytes that it holds; 2^32 - 1 for no bound. */
export function capacityBytes(): u32 {
  return mostBytes;
}

/** Whether it was filled to 80 % of one of its bounds, or somebody waited for room in it. */
export function isHigh(): bool {
  return high;
}
