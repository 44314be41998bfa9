import type { Decision } from '../../decision.js';
import { quote } from '../../gguf/malformed.js';
import type { GgufFile, GgufValue } from '../../gguf/types.js';
import type { GgufValueType } from '../../gguf/value-types.js';
import { convertAgain, modelError, notYet } from './model-error.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Typed, range-checked access to the metadata of one architecture: keys are given without its prefix. */
export class Keys {
  /** What was decided while reading. */
  readonly decisions: Decision[] = [];
  readonly #read = new Set<string>();

  constructor(
    readonly file: GgufFile,
    readonly architecture: string,
  ) {}

  /** An integer of any integer type. @throws ERR_BITNET_MODEL when absent without a fallback */
  integer(key: string, range: Range, fallback?: number): number {
    return this.#number(key, range, true, fallback);
  }

  /** A finite number. @throws ERR_BITNET_MODEL when absent without a fallback */
  number(key: string, range: Range, fallback?: number): number {
    return this.#number(key, range, false, fallback);
  }

  /** An integer, or an array of the same integer for each of `nLayer` layers that `counts`. */
  perLayer(
    key: string,
    range: Range,
    nLayer: number,
    fallback?: number,
    counts: (layer: number) => boolean = () => true,
  ): number {
    const value = this.get(key);
    if (typeof value !== 'object' || value.elementType === 'string') {
      return this.integer(key, range, fallback);
    }
    const { length } = value;
    if (length !== nLayer) {
      throw this.error(key, `one number or ${nLayer}, one per layer`, `an array of ${length}`);
    }
    const layers = Array.from({ length }, (_, i) => i).filter(counts);
    const [from = 0] = layers;
    const first = value.get(from);
    for (const i of layers) {
      const other = value.get(i);
      if (other === first) continue;
      const found = `${first} for layer ${from} and ${other} for layer ${i}`;
      throw this.error(key, 'the same for every layer', found, notYet);
    }
    return this.#checked(key, range, true, first, value.elementType);
  }

  /** A finite number for each of `nLayer` layers: an array of them, or one for all. */
  numbers(key: string, range: Range, nLayer: number, fallback: number): number[] {
    const value = this.get(key);
    if (typeof value !== 'object' || value.elementType === 'string') {
      return new Array<number>(nLayer).fill(this.number(key, range, fallback));
    }
    if (value.length !== nLayer) {
      throw this.error(
        key,
        `one number or ${nLayer}, one per layer`,
        `an array of ${value.length}`,
      );
    }
    return Array.from({ length: nLayer }, (_, i) =>
      this.#checked(key, range, false, value.get(i), value.elementType),
    );
  }

  /** The value of a key as the file has it. */
  get(key: string): GgufValue | undefined {
    this.#read.add(key);
    return this.file.metadata.get(`${this.architecture}.${key}`);
  }

  /** A value in words, for error messages. */
  describe(key: string): string {
    return describeValue(this.get(key), this.file.valueTypes.get(`${this.architecture}.${key}`));
  }

  /** The entries of this architecture that nothing has read, in file order. */
  unread(): [key: string, value: GgufValue][] {
    const prefix = `${this.architecture}.`;
    return [...this.file.metadata]
      .filter(([key]) => key.startsWith(prefix) && !this.#read.has(key.slice(prefix.length)))
      .map(([key, value]) => [key.slice(prefix.length), value]);
  }

  /** Notes that the file was read differently from what it says, or would be by others. */
  decide(subject: string, choice: string, reason: string, warning = false): void {
    this.decisions.push({ subject, choice, reason, ...(warning && { warning }) });
  }

  error(key: string, expected: string, found: string, advice = convertAgain) {
    const field = `metadata ${quote(`${this.architecture}.${key}`)}`;
    return modelError(this.file.path, field, expected, found, advice);
  }

  #number(key: string, range: Range, integer: boolean, fallback?: number): number {
    const value = this.get(key);
    if (value === undefined && fallback !== undefined) return fallback;
    const type = this.file.valueTypes.get(`${this.architecture}.${key}`);
    return this.#checked(key, range, integer, value, type);
  }

  #checked(
    key: string,
    { min, max }: Range,
    integer: boolean,
    value: GgufValue | undefined,
    type: GgufValueType | undefined,
  ): number {
    const inRange = typeof value === 'number' && value >= min && value <= max;
    // 4.0 is no head count: a float where an integer belongs is a sign of a faulty converter.
    const isFloat = type === 'f32' || type === 'f64';
    if (inRange && !(integer && (isFloat || !Number.isInteger(value)))) return value;
    const expected = `${integer ? 'an integer' : 'a number'} from ${min} to ${max}`;
    throw this.error(key, expected, describeValue(value, type));
  }
}

function describeValue(value: GgufValue | undefined, type: GgufValueType | undefined): string {
  if (value === undefined) return 'no such entry';
  if (typeof value === 'string') return `the text ${quote(value)}`;
  if (typeof value === 'object') return `an array of ${value.length} ${value.elementType}`;
  return type === undefined ? String(value) : `the ${type} ${value}`;
}
