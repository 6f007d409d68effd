/** Does with timers and its stash what messages say; answers `ticks` with what came. */
import { actor, decode } from 'wasm-troupe/guest';

let open = false;
let ticks = '';
let interval: ReturnType<typeof setInterval> | undefined;
const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

export default actor({
  async handle(message, context) {
    const [verb = '', ms = '0', text = ''] = decode(message).split(' ');
    const delay = Number(ms);
    if (verb === 'after') context.after(delay, `tick 0 ${text}`, { key: 'after' });
    else if (verb === 'every') context.every(delay, 'tick 0 every', { key: 'every' });
    else if (verb === 'rate') context.everyFixedRate(delay, 'tick 0 rate', { key: 'rate' });
    else if (verb === 'cancel') context.cancelTimer(text);
    else if (verb === 'tick') ticks += `${text}${context.missed === 0 ? '' : `+${context.missed}`};`;
    else if (verb === 'ticks') return ticks;
    else if (verb === 'sleep') {
      await sleep(delay);
      return `slept ${text}`;
    } else if (verb === 'race') {
      const slow = sleep(delay * 10).then(() => 'slow');
      return Promise.race([slow, sleep(delay).then(() => 'quick')]);
    } else if (verb === 'later') {
      setTimeout((what: string) => (ticks += `${what};`), delay, 'later');
    } else if (verb === 'interval') {
      interval = setInterval(() => (ticks += 'interval;'), delay);
    } else if (verb === 'clear') clearInterval(interval);
    else if (verb === 'cleared') clearTimeout(setTimeout(() => (ticks += 'never;'), delay));
    else if (verb === 'many') for (let count = 0; count <= 1000; count += 1) context.after(delay, 'tick 0 many');
    else if (verb === 'boom') throw new Error('boom');
    else if (verb === 'open') {
      open = true;
      context.unstash();
    } else if (verb === 'late-stash') {
      await sleep(1);
      context.stash();
    } else if (!open) context.stash();
    else {
      ticks += `${verb};`;
      return verb;
    }
    return;
  },
});
