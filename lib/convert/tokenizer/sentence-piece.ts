import { quote } from '../../gguf/malformed.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import type { OtherTokens } from './byte-level.js';
import type { SentencePieceModel } from './sentence-piece-model.js';
import { sizeOf, TokenSlots, type VocabularySize } from './token-slots.js';
import type { Vocabulary } from './vocabulary.js';

/** The vocabulary of a tokenizer.model, with the tokens that other files add to it or rename. */
export async function sentencePieceVocabulary(
  path: string,
  model: SentencePieceModel,
  said: VocabularySize | undefined,
  others: readonly OtherTokens[],
): Promise<Vocabulary> {
  let most = model.pieces.length - 1;
  for (const { tokens } of others) for (const { id } of tokens) if (id > most) most = id;
  const slots = new TokenSlots(sizeOf(path, said, most));
  const slice = new TimeSlice();
  for (const [id, piece] of model.pieces.entries()) {
    if (piece === undefined) continue;
    const { text, kind, score } = piece;
    const literal = kind === TokenKind.userDefined ? text.replaceAll('\u2581', ' ') : text;
    slots.put(path, `piece ${id}`, id, literal, kind, score);
    if ((id & 255) === 0 && slice.due()) await slice.pause();
  }
  for (const { path: from, tokens } of others) {
    for (const token of tokens) {
      slots.add(from, `added token ${quote(token.text)}`, token, true);
    }
  }
  const { texts, notes } = slots.fill();
  return {
    path,
    model: 'llama',
    texts,
    kinds: slots.kinds,
    scores: slots.scores,
    addSpacePrefix: model.addSpacePrefix,
    ends: { ids: model.ids },
    notes: [
      ...notes,
      ...model.normalizes.map(
        (does) => `normalizer: texts are encoded as they are; SentencePiece first ${does}`,
      ),
    ],
  };
}
