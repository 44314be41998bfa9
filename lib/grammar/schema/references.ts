import { received } from '../../checks/options.js';
import { type JsonSchema, schemaIn } from './keywords.js';
import { type Pointer, schemaError } from './schema-error.js';

/** What a `$ref` stands for: a place in the same schema. */
export function referred(
  root: JsonSchema,
  reference: unknown,
  pointer: Pointer,
): { readonly schema: JsonSchema; readonly pointer: Pointer } {
  if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) {
    throw schemaError(
      pointer,
      `a reference into the schema itself, such as #/$defs/name, but received ${received(reference)}; put what it means under $defs`,
    );
  }
  const at = decoded(reference.slice(1), pointer);
  let place: unknown = root;
  for (const key of at.split('/').slice(1)) {
    const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
    const isPlace = typeof place === 'object' && place !== null && Object.hasOwn(place, name);
    if (!isPlace) {
      throw schemaError(
        pointer,
        `a reference to a place that is there, but ${received(reference)} is not`,
      );
    }
    place = (place as Record<string, unknown>)[name];
  }
  return { schema: schemaIn(place, at), pointer: at };
}

function decoded(fragment: string, pointer: Pointer): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw schemaError(pointer, `a reference whose % are followed by two hexadecimal digits`);
  }
}
