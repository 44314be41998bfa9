import { isUtf8 } from 'node:buffer';
import type { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import { TimeSlice } from '../gguf/time-slice.js';
import type { JsonObject, JsonValue } from './json-value.js';

/** What a text may hold before it is refused. */
export interface JsonLimits {
  /** Members of one object. */
  readonly members: number;
  /** Objects and arrays within each other, of those whose contents the caller does not walk. */
  readonly depth: number;
  /** Values in those, all together. */
  readonly values: number;
}

/** The error for a field, of which something was expected "to be …", and found. */
export type JsonFault = (
  field: string,
  expected: string,
  found: string,
  advice?: string,
) => BitnetError;

/**
 * Walks a JSON text front to back, and holds only what the caller keeps: unlike `JSON.parse`, it
 * refuses an object with the same key twice, takes no memory for what is skipped, and can pause.
 * Errors name `subject`, the thing being read.
 */
export class JsonCursor {
  /** What is being read, for error messages: `tensor "model.norm.weight"`. */
  subject: string;

  readonly #limits: JsonLimits;
  readonly #fault: JsonFault;
  readonly #text: string;
  readonly #slice = new TimeSlice();
  #at = 0;
  #values = 0;

  /** @throws `fault(…)`, as every method here does, when the bytes are not UTF-8 */
  constructor(subject: string, bytes: Buffer, limits: JsonLimits, fault: JsonFault) {
    this.subject = subject;
    this.#limits = limits;
    this.#fault = fault;
    if (!isUtf8(bytes)) throw this.fail('text', 'UTF-8', 'other bytes');
    this.#text = bytes.toString();
  }

  /** The keys of an object; the value of each must be read before the next is asked for. */
  *members(): Generator<string, void, undefined> {
    this.#expect('{');
    if (this.#take('}')) return;
    const keys = new Set<string>();
    do {
      const key = this.string();
      if (keys.has(key)) throw this.fail('keys', 'different', `${quote(key)} twice`);
      const most = this.#limits.members;
      if (keys.size === most) throw this.fail('keys', `at most ${most}`, 'more');
      keys.add(key);
      this.#expect(':');
      yield key;
    } while (this.#take(','));
    this.#expect('}', '"," or "}"');
  }

  /** An array of at most `limit` integers from 0 to 2^53 − 1. */
  integers(field: string, limit: number): number[] {
    const values: number[] = [];
    for (const _ of this.elements()) {
      if (values.length === limit) throw this.fail(field, `at most ${limit} integers`, 'more');
      values.push(this.integer(field));
    }
    return values;
  }

  /** An integer from 0 to 2^53 − 1. */
  integer(field: string): number {
    this.#peek();
    const at = this.#at;
    const value = Number(this.#match(integer) ?? Number.NaN);
    if (Number.isSafeInteger(value)) return value;
    throw this.fail(field, `integers from 0 to ${Number.MAX_SAFE_INTEGER}`, this.#next(at));
  }

  /** The elements of an array; each must be read before the next is asked for. */
  *elements(): Generator<void, void, undefined> {
    this.#expect('[');
    if (this.#take(']')) return;
    do yield;
    while (this.#take(','));
    this.#expect(']', '"," or "]"');
  }

  /** Whether the next value begins with this character: `"`, `{` or `[`. */
  begins(char: '"' | '{' | '['): boolean {
    return this.#peek() === char;
  }

  string(): string {
    this.#expect('"', 'a string');
    const begin = this.#at - 1;
    do {
      const quoteAt = this.#text.indexOf('"', this.#at);
      if (quoteAt < 0) throw this.#unexpected('the end of a string', this.#text.length);
      this.#at = quoteAt + 1;
    } while (this.#isEscaped(this.#at - 1));
    const value = parsed(this.#text.slice(begin, this.#at));
    // Half a surrogate pair has no UTF-8 form.
    if (value === undefined || /\p{Surrogate}/u.test(value)) {
      throw this.#unexpected('a valid string', begin);
    }
    return value;
  }

  /** Passes a value of any kind; lets the event loop turn now and then. */
  async skip(depth = 1): Promise<void> {
    const char = this.#countValue(depth);
    const parts = char === '{' ? this.members() : char === '[' ? this.elements() : undefined;
    if (parts === undefined) {
      if (char === '"') this.string();
      else this.#scalar();
      return;
    }
    for (const _ of parts) {
      await this.skip(depth + 1);
      if (this.#slice.due()) await this.#slice.pause();
    }
  }

  /** A value of any kind, as `JSON.parse` gives it, but objects have no prototype; lets the event loop turn now and then. */
  async value(depth = 1): Promise<JsonValue> {
    const char = this.#countValue(depth);
    if (char === '"') return this.string();
    if (char === '{') {
      const object: Record<string, JsonValue> = Object.create(null);
      for (const key of this.members()) {
        object[key] = await this.value(depth + 1);
        if (this.#slice.due()) await this.#slice.pause();
      }
      return object satisfies JsonObject;
    }
    if (char === '[') {
      const array: JsonValue[] = [];
      for (const _ of this.elements()) {
        array.push(await this.value(depth + 1));
        if (this.#slice.due()) await this.#slice.pause();
      }
      return array;
    }
    return JSON.parse(this.#scalar());
  }

  /** Lets the event loop turn now and then; to be called after each member. */
  async pause(): Promise<void> {
    if (this.#slice.due()) await this.#slice.pause();
  }

  /** Makes sure that only blanks are left. */
  end(): void {
    if (this.#peek() !== '') throw this.#unexpected('its end');
  }

  /** The error for a field of the subject. */
  fail(field: string, expected: string, found: string, advice?: string): BitnetError {
    return this.#fault(`${this.subject} ${field}`, expected, found, advice);
  }

  /** Counts a value whose contents the caller does not walk; returns how it begins. */
  #countValue(depth: number): string {
    const { depth: deepest, values } = this.#limits;
    if (depth > deepest) throw this.fail('nesting', `at most ${deepest} levels deep`, 'more');
    if (++this.#values > values) throw this.fail('other values', `at most ${values}`, 'more');
    return this.#peek();
  }

  #scalar(): string {
    const text = this.#match(scalar);
    if (text === undefined) throw this.#unexpected('a value');
    return text;
  }

  /** The character after the blanks, empty at the end of the text. */
  #peek(): string {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #take(char: string): boolean {
    const there = this.#peek() === char;
    if (there) this.#at++;
    return there;
  }

  #expect(char: string, expected = `"${char}"`): void {
    if (!this.#take(char)) throw this.#unexpected(expected);
  }

  /** What a sticky expression finds here. */
  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const [found] = expression.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #isEscaped(at: number): boolean {
    let before = at;
    while (this.#text[before - 1] === '\\') before--;
    return (at - before) % 2 === 1;
  }

  #unexpected(expected: string, at = this.#at): BitnetError {
    return this.fail('text', `JSON with ${expected} at character ${at}`, this.#next(at));
  }

  #next(at: number): string {
    return at < this.#text.length ? quote(this.#text.slice(at, at + 20)) : 'the end of the text';
  }
}

/** As JSON has them, in at most 16 digits. */
const integer = /(?:0|[1-9]\d{0,15})(?![\d.eE])/y;
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function parsed(literal: string): string | undefined {
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}
