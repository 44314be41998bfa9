import { argumentError } from '../checks/options.js';

/** Whether a name is one of those; in them `*` stands for any characters. @throws ERR_BITNET_ARGUMENT */
export function keptNames(patterns: unknown): (name: string) => boolean {
  if (patterns === undefined) return () => false;
  if (!Array.isArray(patterns) || !patterns.every((pattern) => typeof pattern === 'string')) {
    throw argumentError('a list of names of tensors', 'option keep', patterns);
  }
  const parts = patterns.map((pattern: string) => pattern.split('*'));
  return (name) => parts.some((pieces) => matches(name, pieces));
}

/** Each piece is taken where it first comes: no name takes longer than its length times theirs. */
function matches(name: string, [first = '', ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const piece of others) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
