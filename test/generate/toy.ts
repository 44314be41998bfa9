import { BitnetError } from '../../lib/errors.js';
import { isAllowed } from '../../lib/generate/constraint.js';
import type {
  Evaluator,
  EvaluatorOptions,
  Logits,
  LogitsRequest,
  TopLogits,
} from '../../lib/generate/evaluator.js';
import type { Tokenizer } from '../../lib/tokenizer/types.js';

/** Every byte is a token; then a beginning, an end and one more special token. */
export const toyVocab = 259;
export const toyBos = 256;
export const toyEos = 257;

/** A tokenizer whose tokens are bytes. `<s>` in a text is the special token 258 if parsed. */
export function toyTokenizer(overrides: Partial<Tokenizer> = {}): Tokenizer {
  const tokenBytes = (id: number) => (id < 256 ? Uint8Array.of(id) : new Uint8Array());
  return {
    vocabSize: toyVocab,
    bos: toyBos,
    eos: toyEos,
    addBos: true,
    addEos: false,
    endOfGeneration: new Set([toyEos]),
    kind: 'bpe',
    addSpacePrefix: false,
    decisions: [],
    controlTokens: new Map([['<s>', 258]]),
    splitControl: (text) => [text],
    encode(text, options = {}) {
      const parts = options.parseSpecial ? text.split('<s>') : [text];
      return parts.flatMap((part, i) => [...(i > 0 ? [258] : []), ...Buffer.from(part)]);
    },
    decode: (ids) => Buffer.concat([...ids].map(tokenBytes)).toString(),
    tokenBytes,
    tokenText: (id) => Buffer.from(tokenBytes(id)).toString('latin1'),
    ...overrides,
  };
}

export type ToyLogits = (history: readonly number[]) => Float32Array;

export interface ToyOptions {
  readonly logits: ToyLogits;
  readonly contextLength?: number;
  /** Called before each evaluation. */
  readonly onEvaluate?: (ids: readonly number[], position: number) => void | Promise<void>;
}

/** A language model that is a function from history to logits, one token at a time. */
export class ToyEvaluator implements Evaluator {
  readonly contextLength: number;
  readonly history: number[] = [];
  /** Of every call: what was asked of the last row, and how many rows there were. */
  readonly calls: { ids: number[]; k: number | 'all'; extraIds: number[]; rows: number }[] = [];
  readonly vocabSize = toyVocab;
  readonly #options: ToyOptions;

  constructor(options: ToyOptions) {
    this.#options = options;
    this.contextLength = options.contextLength ?? 1000;
  }

  get position(): number {
    return this.history.length;
  }

  async evaluate(
    ids: ArrayLike<number>,
    rows: readonly LogitsRequest[],
    { logSumExp = false, signal }: EvaluatorOptions = {},
  ): Promise<Logits[]> {
    const { top, extraIds } = rows.at(-1)!;
    const k = top ?? 'all';
    this.calls.push({ ids: Array.from(ids), k, extraIds: [...extraIds], rows: rows.length });
    const given = Array.from(ids);
    await this.#options.onEvaluate?.(given, this.position);
    const all: Float32Array[] = [];
    for (const [i, id] of given.entries()) {
      if (signal?.aborted) {
        throw new BitnetError('ERR_BITNET_ABORTED', 'Aborted.', { name: 'AbortError' });
      }
      if (this.position >= this.contextLength) throw new Error('the toy context overflowed');
      this.history.push(id);
      if (i >= given.length - rows.length) all.push(this.#options.logits(this.history));
    }
    const needsAll = rows.some((row) => row.top === undefined);
    return rows.map((row, i) => ({
      ...(needsAll
        ? { all: all[i]! }
        : topOf(all[i]!, row.top!, row.extraIds, row.allowed ?? undefined)),
      ...(logSumExp ? { logSumExp: logSumExpOf(all[i]!) } : {}),
    }));
  }

  truncate(length: number): void {
    this.history.length = length;
  }
}

export function logSumExpOf(logits: Float32Array): number {
  const largest = Math.max(...logits);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** The k best of some logits, by a full sort: what an evaluator promises to return. */
export function topOf(
  logits: Float32Array,
  k: number,
  extraIds: ArrayLike<number>,
  allowed?: Uint32Array,
): TopLogits {
  const order = [...logits.keys()]
    .filter((id) => isAllowed(allowed, id))
    .sort((a, b) => logits[b]! - logits[a]! || a - b)
    .slice(0, k);
  return {
    ids: Int32Array.from(order),
    logits: Float32Array.from(order, (id) => logits[id]!),
    extraLogits: Float32Array.from(extraIds, (id) => logits[id]!),
  };
}

/** Logits that make the model recite `text` after a prompt of `promptTokens`, then end. */
export function recites(text: string | Uint8Array, promptTokens: number): ToyLogits {
  const bytes = Buffer.from(text as string);
  return (history) => {
    const logits = new Float32Array(toyVocab);
    const at = history.length - promptTokens;
    logits[at < bytes.length ? bytes[at]! : toyEos] = 20;
    return logits;
  };
}

/** Pseudo-random logits that depend on the whole history: a babbling model of lower-case letters. */
export function babbles(): ToyLogits {
  return (history) => {
    let hash = 2166136261;
    for (const id of history) hash = Math.imul(hash ^ id, 16777619);
    return Float32Array.from({ length: toyVocab }, (_, id) => {
      hash = Math.imul(hash ^ (hash >>> 15), 2246822519) + id;
      const noise = (hash >>> 8) / 2 ** 24;
      return (id >= 97 && id <= 122) || id === 32 ? 6 * noise : -10 - noise;
    });
  };
}
