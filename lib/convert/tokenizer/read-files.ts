import { isUtf8 } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readWhole } from '../../files/read-whole.js';
import { JsonCursor } from '../../json/json-cursor.js';
import { isObject, type JsonObject, kindOf } from '../../json/json-value.js';
import { maxTokens } from '../../tokenizer/limits.js';
import { maxDepth, maxSettingsBytes, maxTemplateBytes, maxValues } from './limits.js';
import { unfit } from './unfit.js';

/** The bytes of a file of a tokenizer, at most `most` of them; undefined when there is no such file. */
export async function readFile(path: string, most: number): Promise<Buffer | undefined> {
  return readWhole(path, most, (size) =>
    unfit(path, 'the size', `at most ${most} bytes`, `${size}`),
  );
}

/** A JSON text, to be walked. */
export function jsonOf(path: string, bytes: Buffer): JsonCursor {
  const limits = { members: maxTokens, depth: maxDepth, values: maxValues };
  return new JsonCursor('the JSON', bytes, limits, (...fault) => unfit(path, ...fault));
}

/** A small JSON file, which holds an object; an empty one when there is no such file. */
export async function readSettings(path: string): Promise<JsonObject> {
  const bytes = await readFile(path, maxSettingsBytes);
  if (bytes === undefined) return {};
  const json = jsonOf(path, bytes);
  const value = await json.value();
  json.end();
  if (isObject(value)) return value;
  throw unfit(path, 'the JSON', 'an object', kindOf(value));
}

/** A text file; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  const bytes = await readFile(path, maxTemplateBytes);
  if (bytes === undefined) return undefined;
  if (isUtf8(bytes)) return bytes.toString();
  throw unfit(path, 'the text', 'UTF-8', 'other bytes');
}

/** The names in a folder, sorted; none when it is not there. */
export async function namesIn(...path: string[]): Promise<string[]> {
  return (await readdir(join(...path)).catch(() => [])).sort();
}
