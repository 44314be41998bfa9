import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitnetError } from '../errors.js';
import { systemFault } from '../files/system-fault.js';

/** A file of token ids is read whole, and is small. */
const maxTokenBytes = 2 ** 24;

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
  const size = await sizeOf(file, what);
  if (size > maxTokenBytes) throw wrong(file, `Expected ${what}, but it has ${size} bytes.`);
  const words = (await readFile(file, 'utf8')).split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw wrong(file, `Expected ${what}, but it is empty.`);
  const bad = words.find((word) => !/^\d{1,9}$/.test(word) || Number(word) >= vocabSize);
  if (bad === undefined) return words.map(Number);
  throw wrong(file, `Expected ${what}, but found ${JSON.stringify(bad.slice(0, 40))}.`);
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
  const size = await sizeOf(file, what);
  if (size !== bytes) throw wrong(file, `Expected ${what}, but found ${size}.`);
  const read = await readFile(file);
  const view = new DataView(read.buffer, read.byteOffset, read.length);
  return Float32Array.from({ length: size / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

async function sizeOf(file: string, what: string): Promise<number> {
  const found = await stat(file).catch((cause) => {
    const why =
      cause.code === 'ENOENT'
        ? 'there is no such file'
        : `the system answered "${systemFault(cause)}"`;
    throw wrong(file, `Expected ${what}, but ${why}.`);
  });
  if (found.isFile()) return found.size;
  throw wrong(file, `Expected ${what}, but it is no regular file.`);
}

function wrong(path: string, message: string): BitnetError {
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
