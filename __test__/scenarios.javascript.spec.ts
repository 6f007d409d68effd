import test from 'ava';
import { type ActorContext, type ActorRef, actor, type Failure } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { type MakeScripted, runScenario, scenariosFor } from './helpers/scenarios.js';

interface Life {
  /** Messages handled. */
  count: number;
}

type Context = ActorContext<Life, Uint8Array>;
type Reply = Uint8Array | Failure | undefined;

/** The text up to the first blank, and what is behind it. */
function split(text: string): [string, string] {
  const at = text.indexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const peerOf = (context: Context, name: string) => context.peers[name] as ActorRef;

/** Does what a message says: the list is in the scenarios' README. */
function perform(message: Uint8Array, context: Context): Reply | Promise<Reply> {
  const [verb, rest] = split(textOf(message));
  const [peer, more] = split(rest);
  switch (verb) {
    case 'note':
      context.log.info(rest);
      return bytes(rest);
    case 'count':
      return bytes(String(context.state.count));
    case 'life':
      return bytes(String(context.incarnation));
    case 'fail':
      return context.fail(bytes(rest));
    case 'keep':
      context.log.info(rest);
      return new Promise(() => {});
    case 'stop':
      context.log.info('stop');
      context.stop();
      return bytes('stopping');
    case 'tell':
      context.tell(peerOf(context, peer), bytes(more));
      return bytes('told');
    case 'ask':
      return context.ask(peerOf(context, peer), bytes(more)).catch(error => context.fail(bytes(String(error))));
    default:
      throw new Error(verb);
  }
}

const make: MakeScripted = (_system, options, { starts, peers }) => {
  const words = starts.split(' ');
  const source = actor<Life>({
    start: (_config, { incarnation }) => {
      const word = words[incarnation - 1] || 'ok';
      if (word !== 'ok') throw new Error(`it does not start: ${word}`);
      return { count: 0 };
    },
    handle: (message, context) => {
      const reply = perform(message, context);
      context.state.count += 1;
      return reply;
    },
  });
  return { source, options: { ...options, peers } };
};

for (const scenario of scenariosFor('javascript')) {
  test(scenario.name, async t => {
    const system = await createTestSystem({ test: t });
    await runScenario(scenario, system, make);
    t.pass();
  });
}
