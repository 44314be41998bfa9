import { type Budget, checkTextLength } from './budget.js';
import { JinjaError } from './errors.js';
import { checkDepth } from './protocol.js';
import {
  Dict,
  Float,
  Generator,
  isList,
  Namespace,
  none,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

/*
 * Values as texts: Python's str() and repr(), and its json.dumps().
 */

/** What `{{ value }}` writes: a string unchanged, nothing for undefined, otherwise `repr`. */
export function str(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (value instanceof Undefined) return '';
  return repr(value, budget);
}

export function repr(value: Value, budget: Budget): string {
  const text = new Writer(budget);
  writeRepr(value, text, 0);
  return text.text;
}

export interface JsonOptions {
  /** Text per level; undefined: everything in one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly ensureAscii: boolean;
  readonly sortKeys: boolean;
}

export function json(value: Value, options: JsonOptions, budget: Budget): string {
  const text = new Writer(budget);
  writeJson(value, options, text, 0);
  return text.text;
}

/** A text that is charged for as it grows: lists in lists may be far longer than what they are made of. */
export class Writer {
  text = '';

  constructor(readonly budget: Budget) {}

  add(piece: string): void {
    this.budget.spendText(piece.length);
    this.text += piece;
    checkTextLength(this.text.length);
  }
}

function writeRepr(value: Value, out: Writer, depth: number): void {
  checkDepth(depth);
  const list = (items: readonly Value[], open: string, close: string) => {
    out.add(open);
    for (const [i, item] of items.entries()) {
      if (i > 0) out.add(', ');
      writeRepr(item, out, depth + 1);
    }
    out.add(close);
  };
  if (isList(value)) list(value, '[', ']');
  else if (value instanceof Tuple) list(value.items, '(', value.items.length === 1 ? ',)' : ')');
  else if (value instanceof View) list(value.items, `${value.type}([`, '])');
  else if (value instanceof Dict) writePairs(value.entries(), out, depth);
  else if (value instanceof Namespace) {
    out.add('<Namespace ');
    writePairs(value.members, out, depth);
    out.add('>');
  } else {
    if (typeof value === 'string') out.budget.spendCharacters(value.length);
    out.add(scalarRepr(value));
  }
}

function writePairs(pairs: Iterable<readonly [Value, Value]>, out: Writer, depth: number): void {
  out.add('{');
  let first = true;
  for (const [key, value] of pairs) {
    if (!first) out.add(', ');
    first = false;
    writeRepr(key, out, depth + 1);
    out.add(': ');
    writeRepr(value, out, depth + 1);
  }
  out.add('}');
}

function scalarRepr(value: Value): string {
  if (value === none) return 'None';
  if (typeof value === 'string') return textRepr(value);
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Range) {
    const step = value.step === 1 ? '' : `, ${value.step}`;
    return `range(${value.start}, ${value.stop}${step})`;
  }
  return value instanceof Generator ? '<generator object>' : `<${typeName(value)}>`;
}

function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\p{C}\p{Z}]/gu, (character) => {
    if (character === ' ' || ('\'"'.includes(character) && character !== quote)) return character;
    return shortEscapes.get(character) ?? hexEscape(character, quote);
  });
  return quote + escaped + quote;
}

function hexEscape(character: string, quote: string): string {
  if (character === quote) return `\\${quote}`;
  const code = character.codePointAt(0)!;
  const [letter, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(digits as number, '0')}`;
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** The digits of JavaScript, which are the same, in Python's notation. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

function writeJson(value: Value, options: JsonOptions, out: Writer, depth: number): void {
  checkDepth(depth);
  if (value instanceof Dict) {
    const entries = Array.from(value.entries(), ([key, part]) => [jsonKey(key), part] as const);
    if (options.sortKeys)
      entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const write = ([key, part]: readonly [string, Value]) => {
      out.add(jsonText(key, options));
      out.add(options.keySeparator);
      writeJson(part, options, out, depth + 1);
    };
    writeJsonList(entries, '{}', write, options, out, depth);
  } else if (isList(value) || value instanceof Tuple) {
    const write = (item: Value) => writeJson(item, options, out, depth + 1);
    writeJsonList(isList(value) ? value : value.items, '[]', write, options, out, depth);
  } else if (typeof value === 'string') {
    out.budget.spendCharacters(value.length);
    out.add(jsonText(value, options));
  } else out.add(jsonScalar(value));
}

function writeJsonList<T>(
  items: readonly T[],
  brackets: string,
  write: (item: T) => void,
  { indent, itemSeparator }: JsonOptions,
  out: Writer,
  depth: number,
): void {
  const line = (level: number) => {
    if (indent === undefined || items.length === 0) return;
    out.budget.spendText(indent.length * level);
    out.add(`\n${indent.repeat(level)}`);
  };
  out.add(brackets[0]!);
  for (const [i, item] of items.entries()) {
    if (i > 0) out.add(itemSeparator);
    line(depth + 1);
    write(item);
  }
  line(depth);
  out.add(brackets[1]!);
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === none || typeof key === 'number' || typeof key === 'boolean' || key instanceof Float) {
    return jsonScalar(key);
  }
  throw new JinjaError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function jsonScalar(value: Value): string {
  if (value === none) return 'null';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof Float) {
    return floatText(value.value).replace('nan', 'NaN').replace('inf', 'Infinity');
  }
  throw new JinjaError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function jsonText(text: string, { ensureAscii }: JsonOptions): string {
  const written = JSON.stringify(text);
  if (!ensureAscii) return written;
  return written.replace(/[\x7f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
