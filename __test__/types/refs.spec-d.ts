/** What the compiler must accept, and what it must refuse. Checked, never run. */
import {
  type ActorRef,
  ActorSystem,
  type Codec,
  type ErrorCode,
  type ExitReason,
  json,
  type ReasonTag,
  TroupeError,
  text,
} from '../../src/index.js';
import { component, type Equal, holds, system } from './claims.js';

export async function references(): Promise<void> {
  const bytes = await system.spawn(component);
  holds<Equal<typeof bytes, ActorRef<Uint8Array, Uint8Array>>>();
  const reply = await bytes.ask(Uint8Array.of(1));
  holds<Equal<typeof reply, Uint8Array>>();
  // @ts-expect-error without a codec a message is bytes
  bytes.tell('text');

  const words = await system.spawn(component, { codec: text(), name: 'words' });
  holds<Equal<typeof words, ActorRef<string, string>>>();
  holds<Equal<Awaited<ReturnType<typeof words.ask>>, string>>();
  // @ts-expect-error a codec decides what a message is
  words.tell(5);

  const typed = await system.spawn(component, { codec: json<{ n: number }, { sum: number }>() });
  typed.tell({ n: 1 });
  const { sum } = await typed.ask({ n: 1 });
  holds<Equal<typeof sum, number>>();
  // @ts-expect-error the field is missing
  typed.ask({});

  const own: Codec<Date, boolean> = { encode: () => new Uint8Array(), decode: () => true };
  const dated = await system.spawn(component, { codec: own });
  holds<Equal<typeof dated, ActorRef<Date, boolean>>>();

  // Any reference is a peer, whatever it carries.
  await system.spawn(component, { peers: { bytes, words, typed, dated } });

  // A reference that takes more is one that takes less; a reply that says more is one that says less.
  const narrower: ActorRef<{ n: number; more: string }, { sum: number }> = typed;
  const wider: ActorRef<{ n: number }, object> = typed;
  // @ts-expect-error not the other way round
  const wrong: ActorRef<{ n: number }, { sum: number; more: string }> = typed;
  void [narrower, wider, wrong];

  const found = system.find('words');
  holds<Equal<typeof found, ActorRef | undefined>>();
  const foundWords = system.find('words', { codec: text() });
  holds<Equal<typeof foundWords, ActorRef<string, string> | undefined>>();
}

export async function options(): Promise<void> {
  await ActorSystem.create();
  await ActorSystem.create({
    threads: 'auto',
    limits: { memory: '16MiB', handlerTime: '5s' },
    cache: false,
    logger: false,
  });
  await ActorSystem.create({ cache: { dir: '/tmp/x' }, keepAlive: 'never', logger: console });
  // @ts-expect-error unknown option
  await ActorSystem.create({ treads: 2 });
  // @ts-expect-error 'MB' is no unit here
  await ActorSystem.create({ limits: { memory: '16MB' } });
  // @ts-expect-error not one of the three
  await system.spawn(component, { restart: 'always' });
  // @ts-expect-error days are no unit
  await system.spawn(component, { within: '1d' });
  await system.spawn(component, { backoff: 'linear', maxRestarts: Infinity, within: '1h', overflow: 'drop-oldest' });
  await system.spawn(component, { backoff: { kind: 'exponential', initial: 5, max: '2s', jitter: 0.1 } });
  // `undefined` is the same as leaving an option out.
  await system.spawn(component, { name: undefined, limits: { memory: undefined } });
  await system.load('./a.wasm');
  await system.load(new URL('file:///a.wasm'));
  await system.load(new Uint8Array());
  // @ts-expect-error a buffer is no view of bytes
  await system.load(new ArrayBuffer(8));
}

export function events(): void {
  const off = system.on('actor:restarted', ({ ref, reason, incarnation }) => {
    holds<Equal<typeof ref, ActorRef<unknown, unknown>>>();
    holds<Equal<typeof reason, ExitReason>>();
    holds<Equal<typeof reason.tag, ReasonTag>>();
    holds<Equal<typeof incarnation, number>>();
  });
  holds<Equal<typeof off, () => void>>();
  system.on('deadletter', ({ size, sender }) => void [size satisfies number, sender satisfies string | undefined]);
  // @ts-expect-error there is no such event
  system.on('actor:exploded', () => {});
  // @ts-expect-error a dead letter has no incarnation
  system.on('deadletter', ({ incarnation }) => incarnation);
}

export function errors(error: unknown): string | undefined {
  if (!(error instanceof TroupeError)) return undefined;
  holds<Equal<typeof error.code, ErrorCode>>();
  // @ts-expect-error no such code
  if (error.code === 'ERR_OTHER') return undefined;
  return error.code === 'ERR_ASK_TIMEOUT' ? error.actor : error.message;
}

export async function lifetimes(): Promise<void> {
  await using scoped = await ActorSystem.create();
  const ref = await scoped.spawn(component);
  const reason: ExitReason = await ref.stopped;
  const killed: boolean = ref.kill();
  await ref.stop({ drain: true, grace: '1s' });
  await scoped.shutdown({ deadline: '25s' });
  // @ts-expect-error a reference owns nothing
  await using wrong = ref;
  void [reason, killed, wrong];
}
