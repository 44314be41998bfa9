import { quote } from '../gguf/malformed.js';
import { TimeSlice } from '../gguf/time-slice.js';
import type { Tokenizer } from './types.js';

/** The tokens of a model: as many ids as its head has rows. */
export interface Vocabulary {
  readonly size: number;
  readonly tokenizer: Pick<Tokenizer, 'vocabSize' | 'tokenText'>;
}

/** In words, what the first id is that does not stand for the same token in both; undefined: none. */
export async function vocabularyDifference(
  a: Vocabulary,
  b: Vocabulary,
): Promise<string | undefined> {
  if (a.size !== b.size) return `${a.size} and ${b.size} tokens`;
  const slice = new TimeSlice();
  for (let id = 0; id < a.size; id++) {
    const [first, second] = [textOf(a, id), textOf(b, id)];
    if (first !== second) return `${quote(first)} and ${quote(second)} as token ${id}`;
    if (slice.due()) await slice.pause();
  }
  return undefined;
}

/** Rows of the head that pad it have no token. */
function textOf({ tokenizer }: Vocabulary, id: number): string {
  return id < tokenizer.vocabSize ? tokenizer.tokenText(id) : '';
}
