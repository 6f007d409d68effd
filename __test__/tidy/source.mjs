/** Reads the repository's own sources for the tidy tests. */
import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { inRoot, ROOT } from '../../scripts/lib/paths.mjs';
import { filesBelow } from '../../scripts/lib/stamp.mjs';

/**
 * @typedef {object} Source
 * @property {string} path  below the repository's root, with `/`
 * @property {string} text  as it is on disk
 */

/** @param {string[]} folders @param {RegExp} names @returns {Source[]} */
export function sources(folders, names) {
  const files = folders.flatMap(folder => filesBelow(inRoot(folder), file => names.test(file)));
  return files.map(file => ({ path: relative(ROOT, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }));
}

export const rustSources = crate => sources([`crates/${crate}/src`], /\.rs$/);

/** Blanks out comments and literals, keeping every line where it is. */
export function codeOnly(text) {
  const pattern = new RegExp(
    [
      String.raw`\/\/[^\n]*`, // line comment
      String.raw`\/\*[\s\S]*?\*\/`, // block comment
      String.raw`b?r(#+)"[\s\S]*?"\1`, // Rust raw string with hashes
      'b?r"[^"]*"', // Rust raw string
      String.raw`b?"(?:[^"\\]|\\[\s\S])*"`, // string
      String.raw`b?'(?:[^'\\\n]|\\[^\n]{1,10}?)'`, // character, or short JavaScript string
    ].join('|'),
    'g',
  );
  return text.replace(pattern, found => found.replace(/[^\n]/g, ' '));
}

/** The text without the test module at a Rust file's end. */
export function withoutTests(text) {
  const start = text.search(/^#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{/m);
  return start < 0 ? text : text.slice(0, start);
}

/**
 * Functions with their bodies, found by counting braces.
 * @param {string} text @param {RegExp} head must be global; its first group is the name
 */
export function functions(text, head = /\bfn (\w+)/g) {
  const code = codeOnly(text);
  return [...code.matchAll(head)].flatMap(match => {
    const open = bodyStart(code, match.index + match[0].length);
    if (open < 0) return [];
    const end = bodyEnd(code, open);
    const lines = code.slice(match.index, end).split('\n').length;
    const line = code.slice(0, match.index).split('\n').length;
    return [{ name: match[1], line, lines, start: match.index, body: text.slice(open, end) }];
  });
}

/** Where the body begins, or -1 for a declaration without one. */
function bodyStart(code, from) {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    const char = code[at];
    if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === ';' && depth === 0) return -1;
    else if (char === '{' && depth === 0) return at;
  }
  return -1;
}

function bodyEnd(code, open) {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === '{') depth += 1;
    else if (code[at] === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return code.length;
}
