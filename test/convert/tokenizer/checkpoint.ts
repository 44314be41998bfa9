import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { asRead } from '../../../lib/convert/tokenizer/metadata.js';
import { createTokenizer } from '../../../lib/tokenizer/index.js';
import { byteLetters } from '../../tokenizer/vocabularies.js';

type Files = Readonly<Record<string, object | string | Buffer>>;

/** Writes the files of a checkpoint; objects as JSON. */
export async function checkpoint(folder: string, files: Files): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    const isText = typeof content === 'string' || Buffer.isBuffer(content);
    await writeFile(path, isText ? content : JSON.stringify(content));
  }
  return folder;
}

/** The tokenizer of these files, and what a model file would say of it. */
export async function converted(folder: string, files: Files = {}) {
  const result = await convertTokenizer(await checkpoint(folder, files));
  const metadata = asRead(result.metadata);
  const tokenizer = await createTokenizer({ path: 'model.gguf', metadata });
  const entry = (key: string) => {
    const value = metadata.get(`tokenizer.${key}`);
    return typeof value === 'object' ? value.toArray() : value;
  };
  return { ...result, tokenizer, entry };
}

const raw = String.raw;

export const llama3 = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

export const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };

export const split = (Regex: string, behavior = 'Isolated', invert = false) => ({
  type: 'Split',
  pattern: { Regex },
  behavior,
  invert,
});

export const sequence = (...pretokenizers: readonly object[]) => ({
  type: 'Sequence',
  pretokenizers,
});

export const added = (id: number, content: string, special = true) => ({ id, content, special });

interface JsonParts {
  readonly model?: object;
  /** Texts of further tokens. */
  readonly more?: readonly string[];
  readonly [member: string]: unknown;
}

/** A tokenizer.json with all bytes, the results of the merges, and then more tokens. */
export function bpeJson(
  merges: readonly (string | readonly string[])[],
  { model = {}, more = [], ...others }: JsonParts = {},
) {
  const results = merges.map((merge) =>
    (typeof merge === 'string' ? merge.split(' ') : merge).join(''),
  );
  const texts = [...byteLetters, ...results, ...more];
  const vocab = Object.fromEntries(texts.map((text, id) => [text, id]));
  return {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    ...others,
    model: { type: 'BPE', vocab, merges, ...model },
  };
}

/** A tokenizer.model: pieces, and what its trainer and normalizer say. */
export function sentencePieceModel(
  pieces: readonly (readonly [text: string, score?: number, kind?: number])[],
  {
    trainer = { 3: 2 },
    normalizer = { 3: 1, 4: 0 },
  }: {
    trainer?: Readonly<Record<number, number>>;
    normalizer?: Readonly<Record<number, number>>;
  } = {},
): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
  const bytes = (field: number, content: Uint8Array) =>
    Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
  const integers = (fields: Readonly<Record<number, number>>) =>
    Buffer.from(
      Object.entries(fields).flatMap(([field, value]) => [
        ...varint(Number(field) * 8),
        ...varint(value),
      ]),
    );
  const float = (value: number) => {
    const encoded = Buffer.alloc(5, (2 << 3) | 5);
    encoded.writeFloatLE(value, 1);
    return encoded;
  };
  return Buffer.concat([
    ...pieces.map(([text, score = 0, kind = 1]) =>
      bytes(1, Buffer.concat([bytes(1, Buffer.from(text)), float(score), integers({ 3: kind })])),
    ),
    bytes(2, integers(trainer)),
    bytes(3, integers(normalizer)),
  ]);
}
