import { join } from 'node:path';
import { BitnetError } from '../../errors.js';
import { readWhole } from '../../files/read-whole.js';
import { JsonCursor, type JsonFault } from '../../json/json-cursor.js';
import { isObject, kindOf } from '../../json/json-value.js';
import { modelError } from '../../model/spec/model-error.js';
import { Config } from './config.js';

/** Bytes of a file of settings, which is held in memory; real ones have up to 100 kB. */
const maxBytes = 4_000_000;

/** What it may hold; real ones have a few hundred values, five levels deep. */
const limits = { members: 65_536, depth: 64, values: 2 ** 20 };

/**
 * The settings of a checkpoint in one of its JSON files, an object.
 *
 * @throws ERR_BITNET_FILE when it is missing or cannot be read, ERR_BITNET_MODEL when it is no such text
 */
export async function readSettings(folder: string, name: string): Promise<Config> {
  const config = await readOptionalSettings(folder, name);
  if (config !== undefined) return config;
  const message = `Expected "${name}" in "${folder}", but there is none; download all files of the model into one folder.`;
  throw new BitnetError('ERR_BITNET_FILE', message, { path: join(folder, name) });
}

/** As `readSettings`, undefined where there is no such file. */
export async function readOptionalSettings(
  folder: string,
  name: string,
): Promise<Config | undefined> {
  const path = join(folder, name);
  const fault: JsonFault = (field, expected, found, advice = damaged) =>
    modelError(path, field, expected, found, advice);
  const bytes = await readWhole(path, maxBytes, (size) =>
    fault('the size', `at most ${maxBytes} bytes`, `${size}`),
  );
  if (bytes === undefined) return undefined;
  const json = new JsonCursor('the JSON', bytes, limits, fault);
  const value = await json.value();
  json.end();
  if (isObject(value)) return new Config(path, value);
  throw fault('the JSON', 'an object', kindOf(value));
}

const damaged = 'the file is damaged, download it again';
