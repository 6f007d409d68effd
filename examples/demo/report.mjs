/**
 * Says how a run went: a page of text for people, or one JSON object for machines.
 *
 * @typedef {object} Summary
 * @property {string} folder
 * @property {number} files
 * @property {number} bytes
 * @property {boolean} truncated       whether the limit on bytes left something out
 * @property {string[]} unreadable     files and folders that could not be read
 * @property {number} lines            as counted by the actors, like all that follows
 * @property {number} badLines
 * @property {number} words
 * @property {{ word: string, count: number }[]} top
 * @property {number} restarts
 * @property {number} failedInHandler
 * @property {number} refused
 * @property {number} discarded
 * @property {{ lines: number, badLines: number, words: number, seconds: number }} plain
 * @property {boolean} equal           whether actors and plain count agree
 * @property {boolean} balanced
 * @property {boolean} interrupted
 * @property {number} seconds
 * @property {number} linesPerSecond
 * @property {object} audit
 * @property {{ path: string, state: string, handled: number, failed: number, restarts: number }[]} actors
 */
import { whole } from './progress.mjs';

const TOP_SHOWN = 10;

/** @param {Summary} summary */
export function toJson(summary) {
  return JSON.stringify(summary);
}

/** @param {Summary} summary */
export function toText(summary) {
  return [
    ...headOf(summary),
    '',
    ...comparison(summary),
    '',
    ...topWords(summary),
    ...actorTable(summary),
    '',
    ...auditLines(summary),
    '',
    verdict(summary),
  ].join('\n');
}

function headOf({ folder, files, bytes, seconds, interrupted, truncated, unreadable, linesPerSecond }) {
  const lines = [
    `${interrupted ? 'Stopped early. ' : ''}${whole(files)} files, ${(bytes / 1e6).toFixed(1)} MB below ${folder}`,
    `in ${seconds.toFixed(2)} s, ${whole(linesPerSecond)} lines a second`,
  ];
  if (truncated && !interrupted) lines.push('What comes after the first 200 MB was left out.');
  if (unreadable.length > 0) lines.push(`Not readable: ${whole(unreadable.length)}, the first is ${unreadable[0]}`);
  return lines;
}

function comparison({ lines, badLines, words, seconds, plain }) {
  const cells = (name, a, b, c, time) =>
    `${name.padEnd(28)}${a.padStart(14)}${b.padStart(12)}${c.padStart(16)}${time.padStart(12)}`;
  return [
    cells('', 'lines', 'bad lines', 'words', 'seconds'),
    cells('components as actors', whole(lines), whole(badLines), whole(words), seconds.toFixed(2)),
    cells(
      'plain loop in JavaScript',
      whole(plain.lines),
      whole(plain.badLines),
      whole(plain.words),
      plain.seconds.toFixed(2),
    ),
    "The plain loop runs beside the actors on the same lines; its seconds are its own and part of the actors' too.",
  ];
}

function topWords({ top }) {
  if (top.length === 0) return [];
  const words = top.slice(0, TOP_SHOWN).map(({ word, count }) => `  ${whole(count).padStart(12)}  ${word}`);
  return ['Top words', ...words, ''];
}

function actorTable({ actors }) {
  const row = (path, state, handled, failed, restarts) =>
    `${path.padEnd(24)}${state.padEnd(14)}${handled.padStart(12)}${failed.padStart(10)}${restarts.padStart(10)}`;
  return [
    row('actor', 'state', 'handled', 'failed', 'restarts'),
    ...actors.map(({ path, state, handled, failed, restarts }) =>
      row(path, state, whole(handled), whole(failed), whole(restarts)),
    ),
  ];
}

function auditLines({ audit, balanced }) {
  const { offered, accepted, refused, handled, failedInHandler, discarded, expired, aborted, queued, inHand } = audit;
  return [
    `Audit: offered ${whole(offered)} = accepted ${whole(accepted)} + refused ${whole(refused.total)}`,
    `       accepted = handled ${whole(handled)} + failed ${whole(failedInHandler)} + discarded ${whole(discarded.total)}` +
      ` + expired ${whole(expired)} + aborted ${whole(aborted)} + queued ${whole(queued)} + in hand ${whole(inHand)}`,
    balanced ? '       It balances.' : '       IT DOES NOT BALANCE.',
  ];
}

function verdict({ equal, balanced, restarts, badLines }) {
  if (!equal || !balanced) return 'The two counts or the audit disagree: this is a bug, please report it.';
  const survived =
    badLines === 0 ? '' : `, after ${whole(badLines)} lines that crashed their actor and ${whole(restarts)} restarts`;
  return `Both counts agree${survived}.`;
}
