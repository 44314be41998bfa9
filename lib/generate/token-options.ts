import { argumentError } from '../checks/options.js';
import { copiedIds, idCount, type TokenIds } from '../checks/token-ids.js';

/** A number by which a logit is raised or lowered; false or −Infinity: the token never comes. */
export type Bias = number | false;

/** Biases by token id. */
export type LogitBias =
  | ReadonlyMap<number, Bias>
  | Readonly<Record<string, Bias>>
  | readonly (readonly [number, Bias])[];

/** Larger ones change nothing any more. */
const largestBias = 1e6;

/** Checked: −Infinity for tokens that never come. @throws `ERR_BITNET_ARGUMENT` */
export function logitBiasOption(value: unknown, vocabSize: number): ReadonlyMap<number, number> {
  const biases = new Map<number, number>();
  if (value === undefined) return biases;
  for (const [key, bias] of entriesOf(value, vocabSize)) {
    const id = typeof key === 'string' && /^\d{1,10}$/.test(key) ? Number(key) : key;
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw argumentError(
        `token ids from 0 to ${vocabSize - 1}`,
        'the keys of option logitBias',
        key,
      );
    }
    const sum = bias === false ? -Infinity : bias;
    if (typeof sum !== 'number' || !(Math.abs(sum) <= largestBias || sum === -Infinity)) {
      const expected = `a number from -${largestBias} to ${largestBias}, -Infinity or false`;
      throw argumentError(expected, `option logitBias of token ${id}`, bias);
    }
    biases.set(id, sum);
  }
  return biases;
}

function entriesOf(value: unknown, vocabSize: number): Iterable<readonly [unknown, unknown]> {
  const expected = 'an object, a Map or an array of pairs of token ids and numbers';
  if (value instanceof Map) return value.entries();
  if (Array.isArray(value)) {
    if (value.length > vocabSize) throw argumentError(expected, 'option logitBias', value);
    const wrong = value.findIndex((pair) => !Array.isArray(pair) || pair.length !== 2);
    if (wrong === -1) return [...value] as [unknown, unknown][];
    throw argumentError('a token id and a number', `option logitBias[${wrong}]`, value[wrong]);
  }
  const isPlain = Object.prototype.toString.call(value) === '[object Object]';
  if (isPlain) return Object.entries(value as object);
  throw argumentError(expected, 'option logitBias', value);
}

/** A copy. @throws `ERR_BITNET_ARGUMENT` unless they are ids of tokens */
export function tokensOption(
  name: string,
  value: TokenIds | undefined,
  vocabSize: number,
): readonly number[] {
  if (value === undefined) return [];
  const count = idCount(value, `option ${name}`);
  if (count > vocabSize) {
    throw argumentError(`at most ${vocabSize} token ids`, `option ${name}`, value);
  }
  return Array.from(copiedIds(value, count, vocabSize, `option ${name}`));
}
