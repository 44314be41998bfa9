import { quote } from '../../gguf/malformed.js';
import { maxTokens } from '../../tokenizer/limits.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import { type AddedToken, placed } from './added-tokens.js';
import { unfit } from './unfit.js';

/** How many tokens there are to be, and which file says so. */
export interface VocabularySize {
  readonly tokens: number;
  readonly said: string;
}

/** The tokens of a vocabulary by id, as they will stand in the model file. */
export class TokenSlots {
  readonly texts: (string | undefined)[];
  /** [size] see `TokenKind`. */
  readonly kinds: Uint8Array;
  /** [size] of SentencePiece vocabularies; those of other ones do not count. */
  readonly scores: Float32Array;
  readonly #size: VocabularySize;
  readonly #renamed: string[] = [];
  readonly #strips: string[] = [];

  constructor(size: VocabularySize) {
    this.#size = size;
    this.texts = new Array(size.tokens);
    this.kinds = new Uint8Array(size.tokens).fill(TokenKind.unused);
    this.scores = new Float32Array(size.tokens).fill(holeScore);
  }

  /** Puts a token where none is, or the same one. */
  put(path: string, field: string, id: number, text: string, kind: number, score = 0): void {
    const { tokens, said } = this.#size;
    if (id >= tokens) {
      const advice = 'the files are of different checkpoints, download all of them again';
      throw unfit(path, `${field} id`, `below ${tokens}, ${said}`, `${id}`, advice);
    }
    const there = this.texts[id];
    if (there !== undefined && there !== text) {
      throw unfit(path, `${field} id`, 'that of no other token', `${id}, as of ${quote(there)}`);
    }
    this.texts[id] = text;
    this.kinds[id] = kind;
    this.scores[id] = score;
  }

  /**
   * Puts an added token where none is, or makes one of the token that is there.
   *
   * @param renames whether that one may have another text
   */
  add(path: string, field: string, token: AddedToken, renames = false): void {
    const { text, kind } = placed(token);
    const there = this.texts[token.id];
    if (there !== undefined && there !== text && there !== token.text && renames) {
      this.#renamed.push(`${token.id} ${quote(there)} to ${quote(text)}`);
      this.texts[token.id] = text;
    }
    if (there === token.text) this.texts[token.id] = text;
    this.put(path, field, token.id, text, kind, addedScore);
    if (token.strips) this.#strips.push(quote(token.text));
  }

  /** All texts, with one that no text can become for every id without a token. */
  fill(): { texts: string[]; notes: string[] } {
    const notes: string[] = [];
    const holes: number[] = [];
    for (let id = 0; id < this.texts.length; id++) {
      if (this.texts[id] !== undefined) continue;
      this.texts[id] = `[PAD${id}]`;
      holes.push(id);
    }
    if (holes.length > 0) {
      const ids = holes.length === 1 ? `${holes[0]}` : `from ${holes[0]} to ${holes.at(-1)}`;
      notes.push(`tokens: ${holes.length} of them unused, ids ${ids}: the checkpoint has none`);
    }
    if (this.#renamed.length > 0) notes.push(`tokens: renamed ${some(this.#renamed)}`);
    if (this.#strips.length > 0) {
      const names = some(this.#strips);
      notes.push(`tokens: ${names} with blanks or words beside them are not as in other programs`);
    }
    return { texts: this.texts as string[], notes };
  }
}

/** The first few. */
function some(names: readonly string[]): string {
  const first = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${first}, … (${names.length})` : first;
}

/** @param most the highest id, where no file says how many tokens there are */
export function sizeOf(
  path: string,
  said: VocabularySize | undefined,
  most: number,
): VocabularySize {
  const size = said ?? { tokens: most + 1, said: 'the number of tokens' };
  if (size.tokens > 0 && size.tokens <= maxTokens) return size;
  throw unfit(path, 'the number of tokens', `from 1 to ${maxTokens}`, `${size.tokens}`);
}

/** As llama.cpp's converter writes them. */
const holeScore = -10000;
const addedScore = -1000;
