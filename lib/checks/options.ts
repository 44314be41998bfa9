import { BitnetError } from '../errors.js';
import { elsewhere, ownName, plain } from './option-hints.js';

/**
 * The options of a call; null counts as left out, for all of them as for each. Throws
 * ERR_BITNET_ARGUMENT as `checkOptionNames` does.
 */
export function givenOptions<T extends object>(
  options: T | null | undefined,
  known: readonly (keyof T & string)[],
): T {
  const given: Partial<T> = {};
  if (options === undefined || options === null) return given as T;
  checkOptionNames(options, known);
  for (const name of known) if (options[name] !== null) given[name] = options[name];
  return given as T;
}

/** Throws unless `options` is an object all of whose names are known; a near miss is suggested. */
export function checkOptionNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || className(options) !== 'Object') {
    throw argumentError('an object', 'options', options);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const own = ownName(name);
    const near = own !== undefined && known.includes(own) ? own : nearest(name, known);
    const help = near
      ? `did you mean ${near}?`
      : (elsewhere(name) ?? `the options are ${known.join(', ')}.`);
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

/** @throws ERR_BITNET_ARGUMENT when it is neither a text nor left out */
export function nameOption(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw argumentError('a name', `option ${name}`, value);
}

/** @throws ERR_BITNET_ARGUMENT when it is neither a function nor left out */
export function functionOption<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value;
  throw argumentError('a function', `option ${name}`, value);
}

/** @throws ERR_BITNET_ARGUMENT when it is neither true, false nor left out */
export function booleanOption(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw argumentError('true or false', `option ${name}`, value);
}

/** Known by its shape: test runners and Electron hand over signals of another JavaScript realm. */
export function signalOption(value: unknown): AbortSignal | undefined {
  if (value === undefined) return value;
  const signal = value as Partial<AbortSignal> | null;
  if (typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function') {
    return value as AbortSignal;
  }
  const controller = typeof (signal as { abort?: unknown } | null)?.abort === 'function';
  const help = controller ? ' (the signal of the AbortController)' : '';
  throw argumentError(`an AbortSignal${help}`, 'option signal', value);
}

/** A value as error sentences show it: short, whatever it is. */
export function received(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (ArrayBuffer.isView(value)) return typedArray(value);
  if (typeof value === 'object' && value !== null) return withArticle(className(value));
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return String(value);
}

/** The known name a misspelled one most likely stands for, if any is near. */
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

/** Levenshtein distance, with the swap of two neighbors as one edit. */
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

function typedArray(value: ArrayBufferView): string {
  const kind = Buffer.isBuffer(value) ? 'Buffer' : className(value);
  return `${withArticle(kind)} of ${value.byteLength} bytes`;
}

/** 'Object' of all but the classes of JavaScript and its hosts, whatever realm they come from. */
function className(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function withArticle(name: string): string {
  return name === 'Object' ? 'an object' : `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
}
