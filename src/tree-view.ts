/** A tree to look at: as data, and as lines for people. */
import type { ActorState } from './actor-ref.js';
import { formatDuration } from './duration.js';
import { FOREVER, type NativeTree, NODE_POOL, NODE_SUPERVISOR } from './native.js';

/** A part of a tree, with all that is below it. */
export interface TreeEntry {
  /** Its name within its parent. */
  readonly key: string;
  /** Names from the root, joined by `/`. */
  readonly path: string;
  /** What it is. */
  readonly kind: 'actor' | 'supervisor' | 'pool';
  /** Where it is in its life. */
  readonly state: ActorState;
  /** How often it was restarted; of a supervisor or a pool, how often its children were. */
  readonly restarts: number;
  /** Length of its present life in milliseconds. */
  readonly uptimeMs: number;
  /** What a supervisor does when a child fails, and how much of its budget is left. */
  readonly supervisor: SupervisorEntry | undefined;
  /** How many children it has; of a pool, only the first 100 are listed. */
  readonly size: number;
  /** What is below it, in start order. */
  readonly children: readonly TreeEntry[];
}

/** A supervisor's own part of a {@link TreeEntry}. */
export interface SupervisorEntry {
  /** Who else is restarted with a child that failed. */
  readonly strategy: string;
  /** Restarts that count against the budget now. */
  readonly restartsInWindow: number;
  /** The budget; `Infinity` for no limit. */
  readonly maxRestarts: number;
  /** The window of the budget in milliseconds. */
  readonly withinMs: number;
}

const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'];
/** Members of a pool that are printed; the rest are counted. */
const MAX_MEMBERS = 20;

/** The part of a tree with this number. */
export function findTree(tree: NativeTree, number: number): NativeTree | undefined {
  if (tree.info.id === number) return tree;
  for (const below of tree.below) {
    const found = findTree(below, number);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A tree as data. */
export function treeEntry({ info, below }: NativeTree): TreeEntry {
  const branches = new Map(below.map(each => [each.info.id, each]));
  const strategy = STRATEGIES[info.strategy];
  const { budgetUsed, withinMs } = info;
  const maxRestarts = info.maxRestarts === FOREVER ? Infinity : info.maxRestarts;
  return {
    key: lastStep(info.path),
    path: info.path,
    kind: strategy === undefined ? 'pool' : 'supervisor',
    state: info.state as ActorState,
    restarts: info.restarts,
    uptimeMs: info.uptimeMs,
    supervisor: strategy === undefined ? undefined : { strategy, restartsInWindow: budgetUsed, maxRestarts, withinMs },
    size: info.members,
    children: info.children.map(child => {
      const branch = child.kind === NODE_SUPERVISOR || child.kind === NODE_POOL ? branches.get(child.id) : undefined;
      if (branch !== undefined) return treeEntry(branch);
      const { key, path, restarts, uptimeMs } = child;
      const kind = child.kind === NODE_POOL ? 'pool' : child.kind === NODE_SUPERVISOR ? 'supervisor' : 'actor';
      const state = child.state as ActorState;
      return { key, path, kind, state, restarts, uptimeMs, supervisor: undefined, size: 0, children: [] };
    }),
  };
}

function lastStep(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A tree as lines. */
export function printTree(tree: TreeEntry): string {
  return [describe(tree), ...branchLines(tree)].join('\n');
}

/** What is below something, as lines with branches in front. */
export function branchLines({ kind, size, children }: TreeEntry): string[] {
  const shown = kind === 'pool' ? children.slice(0, MAX_MEMBERS) : children;
  const hidden = size - shown.length;
  return shown
    .flatMap((entry, index) => {
      const last = index === shown.length - 1 && hidden === 0;
      const below = branchLines(entry);
      return [`${last ? '└─' : '├─'} ${describe(entry)}`, ...below.map(line => `${last ? '  ' : '│ '} ${line}`)];
    })
    .concat(hidden > 0 ? [`└─ … ${hidden} more`] : []);
}

function describe({ key, kind, state, restarts, supervisor, size }: TreeEntry): string {
  if (supervisor !== undefined) {
    const { strategy, restartsInWindow, maxRestarts, withinMs } = supervisor;
    return `${key}: ${strategy}, ${state}, ${restartsInWindow} of ${maxRestarts} restarts in ${formatDuration(withinMs)}`;
  }
  if (kind === 'pool') return `${key}: pool of ${size}, ${state}`;
  return `${key}: ${state}${restarts > 0 ? `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : ''}`;
}
