import { BitnetError } from '../errors.js';
import type { TokenConstraint } from '../generate/constraint.js';
import { grammarText, withNativeErrors } from '../native.js';
import type { NativeGrammarText } from '../native-types.js';
import type { Tokenizer } from '../tokenizer/types.js';
import { settledTokens } from './settled-tokens.js';

/**
 * Keeps a generation to a grammar: where its text is, and what may come next. Where only one text can
 * come, and it is long enough, the tokens that the tokenizer writes it with are the only ones allowed:
 * so it makes no difference whether they are chosen one by one or taken at once.
 */
export class GrammarConstraint implements TokenConstraint {
  readonly #text: NativeGrammarText;
  readonly #tokenizer: Tokenizer;
  readonly #words: number;
  /** Of this place; another place has another array. */
  #mask: Uint32Array | undefined;
  /** The tokens that must come; undefined until somebody asks. */
  #forced: readonly number[] | undefined;

  /** @param vocabSize bits of a mask, of which some may stand for no token */
  constructor(text: NativeGrammarText, tokenizer: Tokenizer, vocabSize: number) {
    this.#text = text;
    this.#tokenizer = tokenizer;
    this.#words = Math.ceil(Math.max(vocabSize, tokenizer.vocabSize) / 32);
  }

  allows(id: number): boolean {
    const [forced] = this.#only();
    if (forced !== undefined) return id === forced;
    return withNativeErrors(() => this.#text.allows(id));
  }

  /** @throws ERR_BITNET_GRAMMAR when no token can come next, or there are too many ways to read the text */
  mask(): Uint32Array {
    this.#mask ??= this.#makeMask();
    return this.#mask;
  }

  get allowsEnd(): boolean {
    return withNativeErrors(() => this.#text.end()) > 0;
  }

  /** Nothing but the end can come next. */
  get mustEnd(): boolean {
    return withNativeErrors(() => this.#text.end()) === 2;
  }

  accept(id: number): void {
    if (this.#tokenizer.endOfGeneration.has(id)) return;
    if (!withNativeErrors(() => this.#text.append(id))) {
      throw new Error(`Token ${id} is not one that the grammar allows.`);
    }
    this.#mask = undefined;
    this.#forced = this.#forced && this.#forced.length > 1 ? this.#forced.slice(1) : undefined;
  }

  /** The tokens that must come next; none where there is a choice. */
  forced(): readonly number[] {
    return this.#only();
  }

  fork(): GrammarConstraint {
    const copy = new GrammarConstraint(grammarText(this.#text), this.#tokenizer, 32 * this.#words);
    copy.#mask = this.#mask;
    copy.#forced = this.#forced;
    return copy;
  }

  #only(): readonly number[] {
    this.#forced ??= this.#findForced();
    return this.#forced;
  }

  #makeMask(): Uint32Array {
    const mask = new Uint32Array(this.#words);
    const [forced] = this.#only();
    if (forced !== undefined) {
      mask[forced >>> 5] = 1 << (forced & 31);
      return mask;
    }
    withNativeErrors(() => this.#text.allowed(mask));
    if (mask.some((word) => word !== 0)) return mask;
    throw new BitnetError(
      'ERR_BITNET_GRAMMAR',
      'Expected a grammar that the tokens of this model can spell, but none of them can come next; the vocabulary lacks a character that the grammar demands.',
    );
  }

  #findForced(): readonly number[] {
    const bytes = withNativeErrors(() => this.#text.forced());
    if (bytes.length < 2) return [];
    const ids = settledTokens(this.#tokenizer, bytes);
    const ahead = grammarText(this.#text);
    const refused = ids.findIndex((id) => !withNativeErrors(() => ahead.append(id)));
    return refused === -1 ? ids : ids.slice(0, refused);
  }
}
