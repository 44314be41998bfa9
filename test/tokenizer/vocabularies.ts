import { GgufNumbers, GgufStrings } from '../../lib/gguf/array.js';
import type { GgufValue } from '../../lib/gguf/types.js';
import type { VocabularyFile } from '../../lib/tokenizer/metadata.js';

type Entry = string | number | boolean | readonly string[] | readonly Uint8Array[] | GgufNumbers;

/** A file of nothing but metadata `tokenizer.ggml.…`; other keys are given in full. */
export function vocabularyFile(
  entries: Readonly<Record<string, Entry | undefined>>,
): VocabularyFile {
  const metadata = new Map<string, GgufValue>();
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined) continue;
    const name = key.includes('.') ? key : `tokenizer.ggml.${key}`;
    metadata.set(name, Array.isArray(value) ? strings(value) : (value as GgufValue));
  }
  return { path: 'vocabulary.gguf', metadata };
}

export const numbers = (values: readonly number[]) =>
  new GgufNumbers('i32', Int32Array.from(values));
export const floats = (values: readonly number[]) =>
  new GgufNumbers('f32', Float32Array.from(values));

/** As they stand in a file: each string after its length in 8 bytes. */
function strings(values: readonly (string | Uint8Array)[]): GgufStrings {
  const texts = values.map((value) => Buffer.from(value as string));
  const starts = new Uint32Array(texts.length + 1);
  const chunks: Buffer[] = [];
  let at = 0;
  for (const [i, text] of texts.entries()) {
    starts[i] = at + 8;
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    chunks.push(length, text);
    at += 8 + text.length;
  }
  starts[texts.length] = at + 8;
  return new GgufStrings(Buffer.concat(chunks), starts);
}

/** The letter that stands for a byte in byte-level vocabularies, worked out from the rule. */
export function byteLetter(byte: number): string {
  const visible = (b: number) =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  if (visible(byte)) return String.fromCharCode(byte);
  return String.fromCharCode(
    0x100 + Array.from({ length: byte }, (_, b) => b).filter((b) => !visible(b)).length,
  );
}

export const byteLetters = Array.from({ length: 256 }, (_, byte) => byteLetter(byte));

export const normal = 1;
export const unknown = 2;
export const control = 3;
export const userDefined = 4;
export const byteKind = 6;

export interface BpeParts {
  /** "left right" each; the results become tokens in this order. */
  readonly merges: readonly string[];
  /** Further tokens with their kind. */
  readonly extra?: readonly (readonly [text: string, kind: number])[];
  readonly entries?: Readonly<Record<string, Entry | undefined>>;
}

/** A byte-level vocabulary: 256 bytes, the results of the merges, further tokens. */
export function bpeFile({ merges, extra = [], entries = {} }: BpeParts): VocabularyFile {
  const merged = [...new Set(merges.map((merge) => merge.replace(/(?<=.) /, '')))];
  const tokens = [...byteLetters, ...merged, ...extra.map(([text]) => text)];
  const kinds = [
    ...Array.from({ length: 256 + merged.length }, () => normal),
    ...extra.map(([, kind]) => kind),
  ];
  return vocabularyFile({
    model: 'gpt2',
    pre: 'gpt-2',
    tokens,
    token_type: numbers(kinds),
    merges,
    ...entries,
  });
}

export interface SpmParts {
  readonly pieces: readonly (readonly [text: string, score: number, kind?: number])[];
  /** @default true */
  readonly bytes?: boolean;
  readonly entries?: Readonly<Record<string, Entry | undefined>>;
}

/** A SentencePiece vocabulary: `<unk> <s> </s>`, 256 bytes (from id 3), then the pieces. */
export function spmFile({ pieces, bytes = true, entries = {} }: SpmParts): VocabularyFile {
  const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0');
  const all: (readonly [string, number, number?])[] = [
    ['<unk>', 0, unknown],
    ['<s>', 0, control],
    ['</s>', 0, control],
    ...(bytes
      ? Array.from({ length: 256 }, (_, b) => [`<0x${hex(b)}>`, 0, byteKind] as const)
      : []),
    ...pieces,
  ];
  return vocabularyFile({
    model: 'llama',
    tokens: all.map(([text]) => text),
    scores: floats(all.map(([, score]) => score)),
    token_type: numbers(all.map(([, , kind]) => kind ?? normal)),
    ...entries,
  });
}
