import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BitnetError } from '../errors.js';
import { readWhole } from '../files/read-whole.js';
import { systemFault } from '../files/system-fault.js';
import { quote } from '../gguf/malformed.js';

/** A file of token ids is read whole, and is small. */
const maxTokenBytes = 2 ** 24;

/** Logits of all tokens are in memory, three times. */
const maxLogitBytes = 2 ** 31;

/** The files of a folder of golden files. */
export interface GoldenFolder {
  readonly path: string;
  /** Names of the model files, `<name>-<type>.gguf`. */
  readonly models: readonly string[];
  /** Names of all files. */
  readonly names: ReadonlySet<string>;
}

/** @throws ERR_BITNET_FILE for a folder that cannot be read or has no models */
export async function openGolden(path: string): Promise<GoldenFolder> {
  const all = await readdir(path).catch((cause) => {
    const why =
      cause.code === 'ENOENT' ? 'there is none' : `the system answered "${systemFault(cause)}"`;
    throw wrong(
      path,
      `Expected a folder of golden files at "${path}", but ${why}; check the path.`,
    );
  });
  const models = all.filter((name) => name.endsWith('.gguf')).sort();
  if (models.length > 0) return { path, models, names: new Set(all) };
  throw wrong(
    path,
    `Expected model files (.gguf) in the folder of golden files "${path}", but it has none; check the path.`,
  );
}

/**
 * What the golden files of a model are named after: the longest beginning of its own name, up to a
 * hyphen, that has a file of tokens. Without any, all but the last part, the type.
 */
export function goldenName(model: string, { names }: GoldenFolder): string {
  const parts = model.replace(/\.gguf$/, '').split('-');
  for (let count = parts.length; count > 0; count--) {
    const name = parts.slice(0, count).join('-');
    if (names.has(tokensName(name))) return name;
  }
  return parts.slice(0, -1).join('-') || parts.join('-');
}

/** Name of the file of tokens. */
export function tokensName(name: string): string {
  return `tokens-${name}.txt`;
}

/** Name of a file of logits. */
export function logitsName(name: string, variant: string): string {
  return `logits-numpy-${name}-${variant}.bin`;
}

/** @throws ERR_BITNET_FILE */
export async function readTokens(
  { path }: GoldenFolder,
  name: string,
  vocabSize: number,
): Promise<number[]> {
  const file = join(path, tokensName(name));
  const what = `token ids from 0 to ${vocabSize - 1}, separated by spaces, in "${file}"`;
  const text = (await contentsOf(file, what, maxTokenBytes)).toString();
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw wrong(file, `Expected ${what}, but it is empty.`);
  const bad = words.find((word) => !/^\d{1,9}$/.test(word) || Number(word) >= vocabSize);
  if (bad === undefined) return words.map(Number);
  throw wrong(file, `Expected ${what}, but found ${quote(bad)}.`);
}

/** `[tokens × vocabSize]`. @throws ERR_BITNET_FILE */
export async function readLogits(
  { path }: GoldenFolder,
  name: string,
  tokens: number,
  vocabSize: number,
): Promise<Float32Array> {
  const file = join(path, name);
  const bytes = tokens * vocabSize * 4;
  const what = `${bytes} bytes, ${tokens} × ${vocabSize} numbers, in "${file}"`;
  if (bytes > maxLogitBytes) {
    throw wrong(
      file,
      `Expected at most ${maxLogitBytes} bytes of logits, but "${file}" would have ${bytes}; give fewer tokens.`,
    );
  }
  const read = await contentsOf(file, what, bytes);
  if (read.length !== bytes) throw wrong(file, `Expected ${what}, but found ${read.length}.`);
  return new Float32Array(read.buffer, read.byteOffset, bytes / 4);
}

async function contentsOf(file: string, what: string, most: number): Promise<Buffer> {
  const tooLarge = (size: number) => wrong(file, `Expected ${what}, but found ${size} bytes.`);
  const read = await readWhole(file, most, tooLarge);
  if (read !== undefined) return read;
  throw wrong(file, `Expected ${what}, but there is no such file.`);
}

function wrong(path: string, message: string): BitnetError {
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
