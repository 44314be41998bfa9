import { TimeSlice } from '../gguf/time-slice.js';
import { buildVocabulary } from '../native.js';
import type { NativeVocabulary } from '../native-types.js';
import type { Tokenizer } from '../tokenizer/types.js';

const built = new WeakMap<Tokenizer, Promise<NativeVocabulary>>();

/** The tokens of a tokenizer for all its grammars, made on first use: 0.1 s for 128,256 of them. */
export function vocabularyOf(tokenizer: Tokenizer): Promise<NativeVocabulary> {
  const known = built.get(tokenizer);
  if (known) return known;
  const made = build(tokenizer);
  built.set(tokenizer, made);
  made.catch(() => built.delete(tokenizer)); // memory may be there another time
  return made;
}

async function build(tokenizer: Tokenizer): Promise<NativeVocabulary> {
  const { vocabSize } = tokenizer;
  const slice = new TimeSlice();
  const offsets = new Uint32Array(vocabSize + 1);
  const tokens: Uint8Array[] = [];
  for (let id = 0; id < vocabSize; id++) {
    if ((id & 255) === 0 && slice.due()) await slice.pause();
    const bytes = tokenizer.tokenBytes(id);
    tokens.push(bytes);
    offsets[id + 1] = offsets[id]! + bytes.length;
  }
  const ends = Int32Array.from(tokenizer.endOfGeneration);
  return buildVocabulary({ bytes: Buffer.concat(tokens), offsets, ends });
}
