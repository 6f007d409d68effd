/** The worker of `piscina.mjs`: counts per actor and answers with the bytes. */
import { ACTORS } from './work.mjs';

const counts = new Uint32Array(ACTORS);

export default ({ actor, bytes }) => {
  if (actor === -1) return counts.reduce((sum, count) => sum + count, 0);
  counts[actor] += 1;
  return bytes;
};
