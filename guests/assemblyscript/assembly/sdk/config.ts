/** What `start` was given. */
import { Address } from "./address";

export let seed: u64 = 0;
export let incarnation: u32 = 0;
export let path: string = "";
export let self: Address = new Address(0, 0, 0);
/** The user's own bytes. */
export let user: Uint8Array = new Uint8Array(0);
/** Custom state as it was when this life began, if the spawn hands it over. */
export let state: Uint8Array = new Uint8Array(0);
const peers = new Map<string, Address>();

/** The address the actor was given under this name, or null. */
export function peer(name: string): Address | null {
  return peers.has(name) ? peers.get(name) : null;
}

export function configure(config: usize, length: usize): void {
  const end = config + length;
  for (let frame = config; frame < end; frame += (load<u32>(frame) + 31) & ~7) {
    const size = load<u32>(frame);
    const payload = frame + 24;
    switch (load<u16>(frame, 4)) {
      case 32:
        seed = load<u64>(payload);
        break;
      case 33:
        incarnation = load<u32>(payload);
        break;
      case 34:
        peers.set(String.UTF8.decodeUnsafe(payload, size), Address.at(frame + 12));
        break;
      case 35:
        self = Address.at(frame + 12);
        path = String.UTF8.decodeUnsafe(payload, size);
        break;
      case 36:
        user = new Uint8Array(size);
        memory.copy(user.dataStart, payload, size);
        break;
      case 37:
        state = new Uint8Array(size);
        memory.copy(state.dataStart, payload, size);
        break;
    }
  }
}
