import type { Decision } from '../decision.js';
import { checkDecoded, checkId, checkIds, checkText, switches } from './checks.js';
import { Pieces } from './pieces.js';
import type { SpecialIds } from './special-ids.js';
import type { SpecialTokens } from './special-tokens.js';
import { finish, type Steps } from './steps.js';
import type { TextEncoder } from './text-encoder.js';
import type { DecodeOptions, EncodeOptions, Tokenizer } from './types.js';
import type { Vocabulary } from './vocabulary.js';

/** What `createTokenizer` has found out about a file. */
export interface TokenizerParts {
  readonly kind: Tokenizer['kind'];
  readonly preTokenizer?: string;
  readonly vocabulary: Vocabulary;
  readonly specials: SpecialTokens;
  readonly encoder: TextEncoder;
  readonly ids: SpecialIds;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly addSpacePrefix: boolean;
  readonly endOfGeneration: ReadonlySet<number>;
  readonly decisions: readonly Decision[];
}

const encodeSwitches = ['addSpecial', 'parseSpecial', 'continues'] as const;
const decodeSwitches = ['special'] as const;

/** The tokenizer over a checked vocabulary. */
export class VocabularyTokenizer implements Tokenizer {
  readonly kind: Tokenizer['kind'];
  declare readonly preTokenizer?: string;
  readonly vocabSize: number;
  declare readonly bos?: number;
  declare readonly eos?: number;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly addSpacePrefix: boolean;
  readonly endOfGeneration: ReadonlySet<number>;
  readonly decisions: readonly Decision[];
  readonly controlTokens: ReadonlyMap<string, number>;
  readonly #vocabulary: Vocabulary;
  readonly #specials: SpecialTokens;
  readonly #encoder: TextEncoder;
  readonly #pieces: Pieces;

  constructor(parts: TokenizerParts) {
    const { vocabulary, ids } = parts;
    this.kind = parts.kind;
    if (parts.preTokenizer !== undefined) this.preTokenizer = parts.preTokenizer;
    this.vocabSize = vocabulary.size;
    if (ids.bos !== undefined) this.bos = ids.bos;
    if (ids.eos !== undefined) this.eos = ids.eos;
    this.addBos = parts.addBos && ids.bos !== undefined;
    this.addEos = parts.addEos && ids.eos !== undefined;
    this.addSpacePrefix = parts.addSpacePrefix;
    this.endOfGeneration = parts.endOfGeneration;
    this.decisions = parts.decisions;
    this.controlTokens = controlTokens(vocabulary);
    this.#vocabulary = vocabulary;
    this.#specials = parts.specials;
    this.#encoder = parts.encoder;
    this.#pieces = new Pieces(vocabulary, parts.kind);
  }

  encode(text: string, given?: EncodeOptions): number[] {
    return finish(this.#encoding(this.#encoder, text, given));
  }

  encodeInSteps(text: string, given?: EncodeOptions): Steps<number[]> {
    return this.#encoding(this.#encoder.fork(), text, given);
  }

  *#encoding(
    encoder: TextEncoder,
    text: string,
    given: EncodeOptions | undefined,
  ): Steps<number[]> {
    checkText(text);
    const { addSpecial, parseSpecial, continues } = switches(given, encodeSwitches);
    const ids: number[] = [];
    let afterSpecial = !continues;
    let count = 0;
    for (const part of yield* this.#specials.parts(text, parseSpecial)) {
      if (typeof part === 'number') ids.push(part);
      else yield* encoder.encode(part, afterSpecial, ids);
      afterSpecial = typeof part === 'number';
      if (++count % partsAStep === 0) yield;
    }
    if (!addSpecial) return ids;
    if (this.addBos && ids[0] !== this.bos) ids.unshift(this.bos!);
    if (this.addEos && ids.at(-1) !== this.eos) ids.push(this.eos!);
    return ids;
  }

  decode(ids: Iterable<number>, options?: DecodeOptions): string {
    checkIds(ids);
    const { special } = switches(options, decodeSwitches);
    const pieces: Uint8Array[] = [];
    const size = { ids: 0, bytes: 0 };
    // a detached array is empty, as everywhere, but to iterate over it throws
    for (const id of ArrayBuffer.isView(ids) && ids.byteLength === 0 ? [] : ids) {
      checkId(id, this.vocabSize);
      const piece = this.#pieces.bytes(id, special);
      if (piece.length > 0) pieces.push(piece);
      size.ids++;
      size.bytes += piece.length;
      checkDecoded(size);
    }
    const bytes = Buffer.concat(pieces);
    const start = this.addSpacePrefix && bytes[0] === space ? 1 : 0;
    return bytes.toString('utf8', start);
  }

  splitControl(text: string): (string | number)[] {
    checkText(text);
    const parts: (string | number)[] = [];
    let raw = '';
    this.#specials.split(text, true, (part) => {
      if (typeof part === 'string') raw += part;
      else if (this.controlTokens.has(this.tokenText(part))) {
        if (raw !== '') parts.push(raw);
        parts.push(part);
        raw = '';
      } else raw += this.tokenText(part);
    });
    if (raw !== '') parts.push(raw);
    return parts;
  }

  tokenBytes(id: number): Uint8Array {
    checkId(id, this.vocabSize);
    return this.#pieces.bytes(id).slice();
  }

  tokenText(id: number): string {
    checkId(id, this.vocabSize);
    return Buffer.from(this.#vocabulary.texts.bytes(id)).toString();
  }
}

/** Special tokens and texts between them that are encoded in one step. */
const partsAStep = 256;

/** Of tokens with the same text the first counts. */
function controlTokens({ specials }: Vocabulary): Map<string, number> {
  const tokens = new Map<string, number>();
  for (const { text, id, control } of specials) {
    if (control && !tokens.has(text)) tokens.set(text, id);
  }
  return tokens;
}

const space = 0x20;
