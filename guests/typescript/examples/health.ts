/** Its health is what the last message said; `throw` makes the probe throw. Asks get its custom state. */
import { type ActorContext, actor, decode, type Health } from 'wasm-troupe/guest';

let said = '';

export default actor({
  handle(message, context) {
    said = decode(message);
    return JSON.stringify(context.state ?? null);
  },
  async health(context: ActorContext): Promise<Health> {
    if (said === 'throw') throw new RangeError(`no health in life ${context.incarnation}`);
    const [status, text] = said.split(' ');
    if (status === 'degraded' || status === 'unhealthy') return text ? { status, text } : status;
    return 'healthy';
  },
});
