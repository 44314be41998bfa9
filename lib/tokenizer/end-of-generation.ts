import type { SpecialIds } from './special-ids.js';
import type { Vocabulary } from './vocabulary.js';

/** Texts of the tokens that end a turn or a document, in the vocabularies of known models. */
export const endTexts: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<｜end▁of▁sentence｜>',
  '</s>',
  '<EOT>',
  '_<EOT>',
]);

/**
 * The tokens after which a generation stops: those the file names, and every special token with a
 * text that ends a turn, because most files name only one of two.
 */
export function endOfGeneration(vocabulary: Vocabulary, ids: SpecialIds): Set<number> {
  const end = new Set<number>();
  for (const id of [ids.eos, ids.eot, ids.eom, ...ids.ends]) if (id !== undefined) end.add(id);
  for (const { id, text } of vocabulary.specials) if (endTexts.has(text)) end.add(id);
  return end;
}
