/** Sends one of each effect to the peer "other": what the golden vectors of the frame format are compared with. */
import { AskError, actor, decode } from 'wasm-troupe/guest';

let refusals = '';
let ends = '';
let watched = 0;

export default actor({
  start() {
    console.warn('from', 'start', { n: 1 });
  },
  async handle(message, context) {
    const { other } = context.peers;
    if (other === undefined) throw new Error('the peer "other" is missing');
    const wish = decode(message);
    if (context.topic !== undefined) context.tell(other, `${context.topic} ${wish}${context.retained ? ' kept' : ''}`);
    else if (wish === 'publish') context.publish('orders.eu', 'hi', { retain: true, tag: 9 });
    else if (wish === 'subscribe') context.subscribe('orders.*', { group: 'workers', report: true });
    else if (wish === 'unsubscribe') context.unsubscribe('orders.*', { group: 'workers' });
    else if (wish === 'tell') context.tell(other, 'hi', { tag: 9 });
    else if (wish === 'refusals') return refusals;
    else if (wish === 'monitor') watched = context.monitor(other);
    else if (wish === 'demonitor') context.demonitor(watched);
    else if (wish === 'link') context.link(other);
    else if (wish === 'unlink') context.unlink(other);
    else if (wish === 'ends') return ends;
    else if (wish === 'log') console.error('hi');
    else if (wish === 'stop') context.stop();
    else if (wish === 'fail') context.fail('no');
    else if (wish === 'twice') for (const text of ['once', 'again']) context.reply(text);
    else if (wish === 'path') return context.path;
    else if (wish === 'clock') return String(Date.now());
    else if (wish === 'random') return String(context.random());
    else if (wish === 'race') {
      const asks = [1, 2, 3].map(n => context.ask(other, `ping${n}`));
      return Promise.race(asks);
    } else if (wish === 'all') {
      const answers = await Promise.all([
        context.ask(other, 'ping', { timeout: 250 }),
        context.ask(other, 'ping', { timeout: 250 }),
      ]);
      return answers.map(decode).join(' and ');
    } else if (wish === 'answer first') {
      context.reply('first');
      await context.ask(other, 'ping');
    } else if (wish === 'caught') {
      return context
        .ask(other, 'ping')
        .then(decode, (error: Error) =>
          error instanceof AskError ? `${error.problem}: ${error.message}` : String(error),
        );
    } else if (!context.isAsk && context.sender !== undefined) context.tell(context.sender, message);
  },
  refused({ tag, code, message }) {
    refusals += `${tag} ${code} ${message};`;
  },
  down({ monitor, address, reason, text, incarnation }, context) {
    const who = context.peers['other']?.equals(address) ? 'other' : 'somebody';
    ends += `${who} ${monitor === watched} ${reason} ${text} ${incarnation};`;
  },
  stop() {
    refusals = '';
  },
});
