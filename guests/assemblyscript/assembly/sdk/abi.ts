/**
 * The component's exports, by the canonical ABI: bytes come in through `cabi_realloc`, a result is a
 * pointer to a pointer and a length. Both areas are used again for the next call, so there is no
 * post-return.
 */
import { Actor } from "./actor";
import { configure } from "./config";
import { Message } from "./message";
import * as out from "./outbox";
import * as queue from "./queue";

let actor: Actor | null = null;
const message = new Message();

let inbox: usize = 0;
let inboxSize: usize = 0;
const result = memory.data(16, 8);

/** Sets the actor of this component; called once, by its module. */
export function serve(it: Actor): void {
  actor = it;
}

/** Where the host puts an argument. Only one is live at a time; addresses are multiples of 16. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size > inboxSize) {
    if (inbox != 0) heap.free(inbox);
    // Room for a whole turn at first, then doubled: a reader may look a few bytes past the end.
    inboxSize = max<usize>(size, max<usize>(32 * 1024, inboxSize * 2));
    inbox = heap.alloc(inboxSize + 16);
  }
  return inbox;
}

export function start(config: usize, length: usize): usize {
  configure(config, length);
  const error = actor!.start();
  store<u8>(result, error == null ? 0 : 1);
  if (error != null) {
    store<u32>(result, <u32>changetype<usize>(error), 4);
    store<u32>(result, <u32>error.length, 8);
  }
  return result;
}

export function handle(turn: usize, length: usize): usize {
  const end = turn + length;
  let consumed: u32 = 0;
  out.begin();
  for (let frame = turn; frame < end; frame = message.next) {
    message.read(frame);
    queue.take(frame);
    message.position = consumed;
    consumed++;
    if (message.isTopic && out.discards(message.corr, message.position)) continue;
    actor!.receive(message);
    // Whoever waits for an answer handles nothing else meanwhile: the rest of the turn stays in the mailbox.
    if (out.waits) break;
  }
  actor!.flush();
  store<u32>(result, <u32>out.finish(consumed));
  store<u32>(result, out.length(), 4);
  // No reference lives on the stack here, so garbage can go; the minimal runtime does not do so itself.
  if (actor!.allocates) __collect();
  return result;
}

/** Most bytes of a health text; what is longer is cut. */
const HEALTH_TEXT: usize = 1024;
const healthArea = memory.data(24 + 1024, 16);

export function health(): usize {
  const status = actor!.health();
  const said = actor!.healthText();
  memory.fill(healthArea, 0, 24 + HEALTH_TEXT);
  let size: usize = 0;
  if (said.length > 0) {
    const text = String.UTF8.encode(said);
    size = min<usize>(<usize>text.byteLength, HEALTH_TEXT);
    memory.copy(healthArea + 24, changetype<usize>(text), size);
  }
  store<u32>(healthArea, <u32>size);
  store<u32>(healthArea, 48, 4);
  store<u32>(healthArea, status, 8);
  store<u32>(result, <u32>healthArea);
  store<u32>(result, 24 + ((<u32>size + 7) & ~7), 4);
  if (actor!.allocates) __collect();
  return result;
}

export function stop(): void {
  actor!.stop();
}

/** In place of the runtime's abort, which would need an import. */
export function fail(text: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}
