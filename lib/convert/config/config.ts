import type { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import type { Range } from '../../model/spec/keys.js';
import { modelError } from '../../model/spec/model-error.js';

const faulty = 'the settings are damaged or of another model, download the checkpoint again';

/** Texts of an array; real ones have one for each layer, or each kind of tensor. */
const mostTexts = 4096;

/** Typed, range-checked access to the settings of a checkpoint; null counts as absent. */
export class Config {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #prefix: string;

  /** @param prefix of a part of the settings: 'rope_scaling.' */
  constructor(
    readonly path: string,
    values: Readonly<Record<string, unknown>>,
    prefix = '',
  ) {
    this.#values = values;
    this.#prefix = prefix;
  }

  /** The value of a key as the file has it. */
  get(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined;
  }

  /** Whether the file says that there is none, rather than nothing. */
  isNull(key: string): boolean {
    return Object.hasOwn(this.#values, key) && this.#values[key] === null;
  }

  /** The keys of everything that is said. */
  keys(): string[] {
    return Object.keys(this.#values).filter((key) => this.has(key));
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** @throws ERR_BITNET_MODEL when absent without a fallback */
  integer(key: string, range: Range, fallback?: number): number {
    return this.#number(key, range, true, fallback);
  }

  /** A finite number. @throws ERR_BITNET_MODEL when absent without a fallback */
  number(key: string, range: Range, fallback?: number): number {
    return this.#number(key, range, false, fallback);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.error(key, 'true or false', describe(value));
  }

  /** One of some texts. */
  text<Text extends string>(key: string, choices: readonly Text[], fallback?: Text): Text {
    const value = this.get(key) ?? fallback;
    if (choices.includes(value as Text)) return value as Text;
    const quoted = choices.map((choice) => `"${choice}"`);
    const expected =
      quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
    throw this.error(key, expected, describe(value), 'models like this cannot be converted yet');
  }

  /** Finite numbers, exactly so many. */
  numbers(key: string, count: number, range: Range): number[] {
    const values = this.get(key);
    const { min, max } = range;
    const sound = (value: unknown) => typeof value === 'number' && value >= min && value <= max;
    if (Array.isArray(values) && values.length === count && values.every(sound)) return values;
    const found = Array.isArray(values) ? `an array of ${values.length}` : describe(values);
    throw this.error(key, `an array of ${count} numbers from ${min} to ${max}`, found);
  }

  /** Texts, empty when there are none. */
  texts(key: string): string[] {
    const values = this.get(key) ?? [];
    const sound = Array.isArray(values) && values.length <= mostTexts;
    if (sound && values.every((value) => typeof value === 'string')) return values;
    throw this.error(key, `an array of at most ${mostTexts} texts`, describe(values));
  }

  /** An object among the settings. */
  part(key: string): Config | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw this.error(key, 'an object', describe(value));
    }
    const prefix = `${this.#prefix}${key}.`;
    return new Config(this.path, value as Record<string, unknown>, prefix);
  }

  /** A part, with the settings around it for what it does not say. */
  merged(key: string): Config {
    const value = this.part(key);
    return value ? new Config(this.path, { ...this.#values, ...value.#values }, '') : this;
  }

  error(key: string, expected: string, found: string, advice = faulty): BitnetError {
    return modelError(this.path, quote(`${this.#prefix}${key}`), expected, found, advice);
  }

  #number(key: string, { min, max }: Range, integer: boolean, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    const sound = typeof value === 'number' && value >= min && value <= max;
    if (sound && !(integer && !Number.isInteger(value))) return value;
    const expected = `${integer ? 'an integer' : 'a number'} from ${min} to ${max}`;
    throw this.error(key, expected, describe(value));
  }
}

/** A few of many texts in words, for error messages. */
export function describeSome(texts: readonly string[]): string {
  const shown = texts.slice(0, 3).map(quote).join(', ');
  return texts.length > 3 ? `${shown} and ${texts.length - 3} more` : shown;
}

/** A value in words, for error messages. */
export function describe(value: unknown): string {
  if (value === undefined) return 'no such entry';
  if (typeof value === 'string') return `the text ${quote(value)}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `${value}`;
}
