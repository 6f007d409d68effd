import { Message } from "./message";

/** What an actor is; a guest extends it and hands one to `serve`. */
export class Actor {
  /** Whether handlers make objects: then the garbage is collected after every turn. */
  allocates: bool = false;

  /** Comes up; the configuration can be read. What it returns is an error, and fails the start. */
  start(): string | null {
    return null;
  }

  /** A message, sent or published, or an ask. */
  handle(message: Message): void {}

  /** An ask of this actor was answered, or failed. */
  answered(message: Message): void {}

  /** A message of this actor was refused. */
  refused(message: Message): void {}

  /** An actor has ended that it watched: `message.corr` is the monitor's tag, `message.sender` who it was. */
  down(message: Message): void {}
  /** A timer of this actor is due: `corr` is its key, its payload begins at byte 8. */
  ticked(message: Message): void {}

  /** At the end of every turn: what was gathered over its messages can be sent. */
  flush(): void {}

  /** Answers a health probe: 0 healthy, 1 degraded, 2 unhealthy; 3, the default, for unknown. */
  health(): u32 {
    return 3;
  }

  /** Why, if there is something to say; asked right after `health`. */
  healthText(): string {
    return "";
  }

  /** Goes down in order. */
  stop(): void {}

  receive(message: Message): void {
    const kind = message.kind;
    if (kind == 1 || kind == 2 || kind == 7) this.handle(message);
    else if (kind == 3 || kind == 4) this.answered(message);
    else if (kind == 5) this.refused(message);
    else if (kind == 6) this.down(message);
    else if (kind == 8) this.ticked(message);
  }
}
