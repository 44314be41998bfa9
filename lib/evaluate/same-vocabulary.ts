import { BitnetError } from '../errors.js';
import type { Model } from '../model/model.js';
import { vocabularyDifference } from '../tokenizer/vocabulary-difference.js';

/** @throws ERR_BITNET_ARGUMENT unless every id stands for the same token in both models */
export async function requireSameVocabulary(a: Model, b: Model): Promise<void> {
  const of = ({ spec, tokenizer }: Model) => ({ size: spec.vocabSize, tokenizer });
  const found = await vocabularyDifference(of(a), of(b));
  if (found === undefined) return;
  const message = `Expected two models with one vocabulary, but "${a.path}" and "${b.path}" have ${found}; compare models made from the same checkpoint.`;
  throw new BitnetError('ERR_BITNET_ARGUMENT', message);
}
