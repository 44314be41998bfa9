import { BitnetError } from '../../lib/errors.js';
import { Random } from '../../lib/generate/random.js';
import type { Model } from '../../lib/model/model.js';

/** A text that was generated once, to be generated again. */
export interface Trace {
  readonly name: string;
  readonly prompt: readonly number[];
  readonly ids: readonly number[];
}

const promptTokens = 512;
const textTokens = 256;
/** Tokens that are copied from one place. */
const span = 24;
const seed = 14;

/** A text of which a share is copied from its prompt, in spans of 24 tokens; all others are random. */
export function repeatingTrace(share: number, { spec, tokenizer }: Model): Trace {
  const random = Random.fromSeed(seed);
  const below = (count: number) => Math.floor(random.next() * count);
  const token = (): number => {
    const id = below(Math.min(spec.vocabSize, tokenizer.vocabSize));
    return tokenizer.endOfGeneration.has(id) ? token() : id;
  };
  const prompt = Array.from({ length: promptTokens }, token);
  const ids: number[] = [];
  let copied = 0;
  while (ids.length < textTokens) {
    if (copied + span <= share * (ids.length + span)) {
      const begin = below(promptTokens - span);
      for (const id of prompt.slice(begin, begin + span)) ids.push(id);
      copied += span;
    } else {
      ids.push(token());
    }
  }
  return { name: `repeat:${share}`, prompt, ids: ids.slice(0, textTokens) };
}

/**
 * Reads the text of a file of lines `{ "prompt": …, "ids": [ … ] }`: the prompt as text or as ids, and the ids that came, as
 * `bitnet run --json` has them.
 *
 * @throws `ERR_BITNET_FILE`
 */
export function parseTraces(text: string, path: string, { tokenizer, spec }: Model): Trace[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw noTrace(path, 1);
  const begin = tokenizer.addBos && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
  const areIds = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length > 0 && value.every((id) => isId(id, spec.vocabSize));
  return lines.map((line, i) => {
    const { prompt, ids } = objectOf(line);
    const tokens = typeof prompt === 'string' ? [...begin, ...tokenizer.encode(prompt)] : prompt;
    if (!areIds(tokens) || !areIds(ids)) throw noTrace(path, i + 1);
    return { name: lines.length > 1 ? `${path}:${i + 1}` : path, prompt: tokens, ids };
  });
}

function objectOf(line: string): { readonly prompt?: unknown; readonly ids?: unknown } {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

function isId(id: unknown, vocabSize: number): boolean {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabSize;
}

function noTrace(path: string, line: number): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected lines such as {"prompt": "Once", "ids": [1, 2]} in ${JSON.stringify(path)}, but line ${line} is none; see bitnet bench in the docs.`,
    { path },
  );
}
