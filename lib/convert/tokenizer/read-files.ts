import { isUtf8 } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import { openFile } from '../../gguf/open.js';
import { JsonCursor, type JsonFault } from '../../json/json-cursor.js';
import { isObject, type JsonObject, type JsonValue } from '../../json/json-value.js';
import { readBytes } from '../../safetensors/read-bytes.js';
import { maxTokens } from '../../tokenizer/limits.js';
import { maxDepth, maxSettingsBytes, maxTemplateBytes, maxValues } from './limits.js';
import { unfit } from './unfit.js';

/**
 * The bytes of a file, at most `most` of them; undefined when there is no such file.
 *
 * @param fault makes the error for a larger one
 */
export async function readWhole(
  path: string,
  most: number,
  fault: JsonFault = (...wrong) => unfit(path, ...wrong),
): Promise<Buffer | undefined> {
  const file = await openFile(path, '.safetensors').catch((error: BitnetError) => {
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    if (file.size > most) throw fault('the size', `at most ${most} bytes`, `${file.size}`);
    return await readBytes(file, 0, file.size);
  } finally {
    await file.handle.close();
  }
}

/** A JSON text, to be walked. */
export function jsonOf(path: string, bytes: Buffer): JsonCursor {
  const limits = { members: maxTokens, depth: maxDepth, values: maxValues };
  return new JsonCursor('the JSON', bytes, limits, (...fault) => unfit(path, ...fault));
}

/** A small JSON file, which holds an object; an empty one when there is no such file. */
export async function readSettings(path: string): Promise<JsonObject> {
  const bytes = await readWhole(path, maxSettingsBytes);
  if (bytes === undefined) return {};
  const json = jsonOf(path, bytes);
  const value = json.value();
  json.end();
  if (isObject(value)) return value;
  throw unfit(path, 'the JSON', 'an object', kindOf(value));
}

/** A text file; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  const bytes = await readWhole(path, maxTemplateBytes);
  if (bytes === undefined) return undefined;
  if (isUtf8(bytes)) return bytes.toString();
  throw unfit(path, 'the text', 'UTF-8', 'other bytes');
}

/** The names in a folder, sorted; none when it is not there. */
export async function namesIn(...path: string[]): Promise<string[]> {
  return (await readdir(join(...path)).catch(() => [])).sort();
}

/** What a JSON value is, as an error says it. */
export function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return quote(value);
  return typeof value === 'object' ? 'an object' : `${value}`;
}
