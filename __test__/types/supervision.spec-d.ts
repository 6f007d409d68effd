/** What the compiler must accept of trees, and what it must refuse. Checked, never run. */
import {
  type ActorRef,
  type ChildHandle,
  child,
  type Down,
  type ExitReason,
  json,
  type Pool,
  pool,
  type Supervisor,
  text,
} from '../../src/index.js';
import { component, type Equal, holds, system } from './claims.js';

export async function trees(): Promise<void> {
  const shop = await system.supervise({
    name: 'shop',
    strategy: 'one-for-one',
    maxRestarts: 5,
    within: '60s',
    backoff: { kind: 'exponential', initial: '100ms', factor: 2, max: '30s', jitter: 0.2 },
    children: {
      visits: child(component, { restart: 'permanent', startupTimeout: '10s', shutdownTimeout: '5s' }),
      words: child(component, { codec: text() }),
      typed: child(component, { codec: json<{ n: number }, { sum: number }>() }),
      workers: pool(component, { size: 4, codec: text() }),
      nested: {
        strategy: 'rest-for-one',
        children: { deep: child(component), deeper: { children: { words: child(component, { codec: text() }) } } },
      },
    },
  });
  const { children } = shop;
  holds<Equal<typeof children.visits, ActorRef<Uint8Array, Uint8Array>>>();
  holds<Equal<typeof children.words, ActorRef<string, string>>>();
  holds<Equal<typeof children.typed, ActorRef<{ n: number }, { sum: number }>>>();
  holds<Equal<typeof children.workers, Pool<string, string>>>();
  holds<Equal<typeof children.nested.children.deep, ActorRef>>();
  holds<Equal<typeof children.nested.children.deeper.children.words, ActorRef<string, string>>>();
  children.workers.children[0]?.tell('x');
  // @ts-expect-error there is no such child
  children.mailer;
  // @ts-expect-error a codec decides what a message is
  children.words.tell(5);
  // @ts-expect-error a reference cannot be put in another's place
  children.visits = children.nested.children.deep;

  const again = await shop.restartChild('words');
  holds<Equal<typeof again, ActorRef<string, string>>>();
  const some = await shop.restartChild('added later');
  holds<Equal<typeof some, ChildHandle>>();
  const added = await shop.startChild('more', child(component, { codec: text() }));
  holds<Equal<typeof added, ActorRef<string, string>>>();
  const members = await shop.startChild('members', pool(component));
  holds<Equal<typeof members, Pool>>();
  const branch = await shop.startChild('branch', { children: { a: child(component) } });
  holds<Equal<typeof branch.children.a, ActorRef>>();

  // Any supervisor is a supervisor.
  const any: Supervisor = shop;
  holds<Equal<ReturnType<typeof any.find>, ChildHandle | undefined>>();
  await using owned = await system.supervise({ children: {} });
  const why: ExitReason = await owned.stopped;
  void why;
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error not one of the three
  child(component, { restart: 'always' });
  // @ts-expect-error the budget is the supervisor's
  child(component, { maxRestarts: 5 });
  // @ts-expect-error a child starts with its supervisor
  child(component, { start: 'on-first-message' });
  // @ts-expect-error a component alone is no child
  await system.supervise({ children: { a: component } });
  // @ts-expect-error not one of the three
  await system.supervise({ strategy: 'all', children: {} });
  // @ts-expect-error a supervisor has children
  await system.supervise({ name: 'x' });
  // @ts-expect-error unknown option
  await system.supervise({ children: {}, treads: 2 });
  // @ts-expect-error the members have no names
  pool(component, { name: 'x' });
}

export async function pools(): Promise<void> {
  const bytes = await system.pool(component, { size: 8 });
  holds<Equal<typeof bytes, Pool<Uint8Array, Uint8Array>>>();
  const words = await system.pool(component, { name: 'words', size: 8, codec: text() });
  holds<Equal<typeof words, Pool<string, string>>>();
  const more = await words.startChild();
  holds<Equal<typeof more, ActorRef<string, string>>>();
  await words.stopChild(more, { drain: true });
}

export function ends(ref: ActorRef, other: ActorRef<string, string>): void {
  using watch = ref.monitor(({ ref: dead, reason, incarnation }) => {
    holds<Equal<typeof reason, ExitReason>>();
    holds<Equal<typeof incarnation, number>>();
    dead.kill();
  });
  ref.monitor((down: Down) => down.reason.tag).stop();
  ref.link(other);
  other.unlink(ref);
  system.on('supervisor:gave-up', ({ path, reason }) => void [path satisfies string, reason satisfies ExitReason]);
  void watch;
}
