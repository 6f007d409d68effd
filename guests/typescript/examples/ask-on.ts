/**
 * Asks whom its message names, for the rest of the message: "b c" asks b for "c". An ask for nothing is answered "end", one for
 * "keep" is left open. What fails comes back as a failure. "hello NAME" makes the sender known by a name, and "greet NAME AS" says
 * hello to a peer.
 */
import { type Address, AskError, actor, decode, Failure, type MessageContext } from 'wasm-troupe/guest';

const known: Record<string, Address> = {};
/** So long that only the deadline of the request in hand ends an ask. */
const timeout = 36_000_000;

async function askOn(name: string, rest: string, context: MessageContext): Promise<string> {
  const target = name === 'self' ? context.self : (context.peers[name] ?? known[name]);
  if (target === undefined) throw new Error(`nobody is known as "${name}"`);
  try {
    return decode(await context.ask(target, rest, { timeout }));
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    // A failure of the other's own has its words already.
    throw new Failure(error.problem === 'handler-error' ? error.message : `${error.problem}: ${error.message}`);
  }
}

export default actor({
  async handle(message, context) {
    const [first = '', ...rest] = decode(message).split(' ');
    if (first === 'hello' && context.sender !== undefined) known[rest[0] ?? ''] = context.sender;
    else if (first === 'greet') context.tell(context.peers[rest[0] ?? ''] as Address, `hello ${rest[1]}`);
    else if (first === 'keep') context.defer();
    else if (first !== '') return askOn(first, rest.join(' '), context);
    return first === '' ? 'end' : undefined;
  },
});
