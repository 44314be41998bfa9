import { BitnetError } from '../../errors.js';

/** The place of a keyword or subschema, as a JSON pointer; '' is the whole schema. */
export type Pointer = string;

export function below(pointer: Pointer, ...keys: readonly (string | number)[]): Pointer {
  return keys.reduce<string>(
    (at, key) => `${at}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  );
}

/** @param sentence what comes after "Expected" */
export function schemaError(pointer: Pointer, sentence: string): BitnetError {
  const place = pointer === '' ? 'at its top' : `at ${shortened(pointer)}`;
  return new BitnetError(
    'ERR_BITNET_SCHEMA',
    `Expected ${sentence} (in the JSON schema ${place}).`,
    {
      pointer,
    },
  );
}

export function unsupported(pointer: Pointer, advice: string): BitnetError {
  const keyword = pointer.slice(pointer.lastIndexOf('/') + 1);
  return schemaError(
    pointer,
    `only keywords that a generation can be held to, but received "${shortened(keyword)}", which is not supported; ${advice}`,
  );
}

function shortened(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
