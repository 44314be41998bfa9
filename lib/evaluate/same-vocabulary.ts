import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import { TimeSlice } from '../gguf/time-slice.js';
import type { Model } from '../model/model.js';

/** @throws ERR_BITNET_ARGUMENT unless every id stands for the same token in both models */
export async function requireSameVocabulary(a: Model, b: Model): Promise<void> {
  const [sizeA, sizeB] = [a.spec.vocabSize, b.spec.vocabSize];
  if (sizeA !== sizeB) throw different(a, b, `${sizeA} and ${sizeB} tokens`);
  const slice = new TimeSlice();
  for (let id = 0; id < sizeA; id++) {
    const [first, second] = [textOf(a, id), textOf(b, id)];
    if (first !== second) {
      throw different(a, b, `${quote(first)} and ${quote(second)} as token ${id}`);
    }
    if (slice.due()) await slice.pause();
  }
}

/** Rows of the head that pad it have no token. */
function textOf({ tokenizer }: Model, id: number): string {
  return id < tokenizer.vocabSize ? tokenizer.tokenText(id) : '';
}

function different(a: Model, b: Model, found: string): BitnetError {
  const message = `Expected two models with one vocabulary, but "${a.path}" and "${b.path}" have ${found}; compare models made from the same checkpoint.`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message);
}
