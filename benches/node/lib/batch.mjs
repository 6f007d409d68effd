/** Rates of batches, measured by benny: one case is one batch of operations. */
import benny from 'benny';

/**
 * Runs `batch` again and again for a second or so.
 *
 * @param {string} name
 * @param {number} size              operations in a batch
 * @param {() => Promise<void>} batch
 * @param {{ seconds: number }} options
 * @returns {Promise<number>} operations per second
 */
export async function batchRate(name, size, batch, { seconds }) {
  // A case that rejects would hang benny for good, so the failure is kept and thrown afterwards.
  let failure;
  const guarded = async () => {
    if (failure !== undefined) return;
    try {
      await batch();
    } catch (error) {
      failure = error;
    }
  };
  const summary = await benny.suite(
    name,
    benny.add(name, guarded, { minSamples: 5, minTime: 0.2, maxTime: seconds, delay: 0, initCount: 1 }),
  );
  if (failure !== undefined) throw failure;
  // `ops` is rounded to whole batches; the mean is not.
  return size / summary.results[0].details.mean;
}
