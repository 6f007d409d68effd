/** Sheds load: an ask fails with "busy" while more than half of the mailbox is taken, otherwise its answer says how it is. */
import { actor } from 'wasm-troupe/guest';

export default actor({
  handle(_message, context) {
    const { queued } = context;
    if (queued === undefined) return 'not told';
    const { messages, bytes, capacity, capacityBytes, high } = queued;
    if (messages * 2 > capacity) context.fail('busy');
    else return `${messages} of ${capacity}, ${bytes} of ${capacityBytes}${high ? ', high' : ''}`;
  },
});
