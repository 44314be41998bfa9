import { BitnetError } from '../errors.js';

/** Throws unless `options` is an object all of whose names are known; a near miss is suggested. */
export function checkOptionNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw argumentError('an object', 'options', options);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const help = near ? `did you mean ${near}?` : `the options are ${known.join(', ')}.`;
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected only known options, but received the option ${received(name)}; ${help}`,
      { option: name },
    );
  }
}

/** An error for the value of one option or argument. */
export function argumentError(expected: string, name: string, value: unknown): BitnetError {
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected ${expected} for ${name}, but received ${received(value)}.`,
    { option: name },
  );
}

/** A value as error sentences show it: short, whatever it is. */
export function received(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return String(value);
}

/** The known name a misspelt one most likely stands for, if any is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  const begun = known.find((candidate) => wanted.length > 2 && plain(candidate).startsWith(wanted));
  if (begun) return begun;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.min(3, wanted.length / 3) ? best.candidate : undefined;
}

/** `top_k`, `top-k` and `TopK` all mean `topK`. */
function plain(name: string): string {
  return name.slice(0, 40).toLowerCase().replaceAll(/[_-]/g, '');
}

/** Levenshtein distance, with the swap of two neighbours as one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(row[j - 1]! + 1, previous[j]! + 1, substitution);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
