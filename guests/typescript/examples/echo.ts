/** Answers every ask with its own payload. */
import { actor } from 'wasm-troupe/guest';

export default actor({
  handle: message => message,
});
