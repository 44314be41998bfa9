import { TimeSlice } from '../../gguf/time-slice.js';
import type { TokenizerJson } from './tokenizer-json.js';

/** Whether the merges make each token of the letters it is written with, whole; false where that takes too long to say. */
export async function mergesReachAll({
  vocab,
  merges,
  addedTokens,
}: Pick<TokenizerJson, 'vocab' | 'merges' | 'addedTokens'>): Promise<boolean> {
  const slice = new TimeSlice();
  const ranks = new Map<string, number>();
  for (const [rank, [left, right]] of merges.entries()) {
    const pair = `${left} ${right}`;
    if (!ranks.has(pair)) ranks.set(pair, rank);
    if ((rank & 255) === 0 && slice.due()) await slice.pause();
  }
  let left = mostLookUps;
  const added = new Set(addedTokens.map(({ text }) => text));
  for (const text of vocab.keys()) {
    if (added.has(text)) continue;
    const letters = [...text];
    left -= letters.length ** 2;
    if (left < 0 || !(await becomesOne(letters, ranks, slice))) return false;
    if (slice.due()) await slice.pause();
  }
  return true;
}

/** Pairs of letters to look up, twice as many as are; real vocabularies have up to 20 million. */
const mostLookUps = 2 ** 27;

/** The time grows with the square of their number: the longest token takes half a second. */
async function becomesOne(
  symbols: string[],
  ranks: ReadonlyMap<string, number>,
  slice: TimeSlice,
): Promise<boolean> {
  while (symbols.length > 1) {
    if (symbols.length > 64 && slice.due()) await slice.pause();
    let [best, at] = [Number.POSITIVE_INFINITY, -1];
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = ranks.get(`${symbols[i]} ${symbols[i + 1]}`) ?? Number.POSITIVE_INFINITY;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return false;
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
  return true;
}
