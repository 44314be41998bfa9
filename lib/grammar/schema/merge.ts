import { isDeepStrictEqual } from 'node:util';
import { canonicalText } from './canonical-text.js';
import {
  checkKeywords,
  isObject,
  type JsonSchema,
  type SchemaObject,
  schemaMapIn,
} from './keywords.js';
import { requiredNames } from './objects.js';
import { below, type Pointer, schemaError } from './schema-error.js';
import { commonTypes, saidTypes } from './types.js';

/**
 * The schema whose values fulfill both.
 *
 * @throws ERR_BITNET_SCHEMA when no single schema says that
 */
export function mergedSchemas(a: JsonSchema, b: JsonSchema, pointer: Pointer): JsonSchema {
  if (a === false || b === false) return false;
  if (a === true) return b;
  if (b === true) return a;
  checkKeywords(a, pointer);
  checkKeywords(b, pointer);
  checkItems(a, b, pointer);
  checkItems(b, a, pointer);
  const merged: Record<string, unknown> = { ...objectsMerged(a, b, pointer) };
  for (const keyword of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (Object.hasOwn(merged, keyword)) continue;
    const [one, other] = [a[keyword], b[keyword]];
    merged[keyword] =
      one === undefined || other === undefined || isDeepStrictEqual(one, other)
        ? one === undefined
          ? other
          : one
        : bothOf(keyword, a, b, pointer);
  }
  return merged;
}

/** `items` are those behind `prefixItems` only where one schema has both. */
function checkItems(one: SchemaObject, other: SchemaObject, pointer: Pointer): void {
  if (one.prefixItems === undefined || other.prefixItems !== undefined) return;
  if (other.items === undefined) return;
  throw schemaError(
    below(pointer, 'items'),
    'no items of one schema beside prefixItems of another where schemas are combined; write what fulfills both as one',
  );
}

/** Of a keyword that both have, with different values. */
function bothOf(keyword: string, a: SchemaObject, b: SchemaObject, pointer: Pointer): unknown {
  const [one, other] = [a[keyword], b[keyword]];
  switch (keyword) {
    case 'type':
      return commonTypes(saidTypes(a, pointer)!, saidTypes(b, pointer)!);
    case 'allOf':
      return [...(one as unknown[]), ...(other as unknown[])];
    case 'enum': {
      if (!Array.isArray(one) || !Array.isArray(other)) {
        const at = below(pointer, 'enum');
        throw schemaError(at, 'an array of values, but received something else');
      }
      const accepted = new Set(other.map(canonicalText));
      return one.filter((value) => accepted.has(canonicalText(value)));
    }
    case 'items':
      return { allOf: [one, other] };
    case 'minimum':
    case 'exclusiveMinimum':
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return Math.max(Number(one), Number(other));
    case 'maximum':
    case 'exclusiveMaximum':
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return Math.min(Number(one), Number(other));
    case 'uniqueItems':
      return one === true || other === true;
    case '$ref':
    case 'anyOf':
    case 'oneOf':
    case 'const':
    case 'pattern':
    case 'format':
    case 'multipleOf':
    case 'prefixItems':
      throw schemaError(
        below(pointer, keyword),
        `at most one "${keyword}" where schemas are combined, but received two; write what fulfills both as one`,
      );
    default:
      return one; // an annotation
  }
}

/** Names that only one of them lists must fulfill what the other says of additional ones. */
function objectsMerged(a: SchemaObject, b: SchemaObject, pointer: Pointer): SchemaObject {
  const lists = ['properties', 'required', 'additionalProperties', 'patternProperties'];
  const both = [a, b].every((schema) => lists.some((keyword) => Object.hasOwn(schema, keyword)));
  if (!both) return {};
  const listed = [a, b].map((schema) =>
    schemaMapIn(schema.properties, below(pointer, 'properties')),
  );
  const patterns = [a, b].map((schema) =>
    schemaMapIn(schema.patternProperties, below(pointer, 'patternProperties')),
  );
  const others = [a, b].map(({ additionalProperties }) => additionalProperties);
  if (
    others.some((other) => other !== undefined) &&
    patterns.some((p) => Object.keys(p).length > 0)
  ) {
    throw schemaError(
      below(pointer, 'additionalProperties'),
      'no additionalProperties beside patternProperties where schemas are combined',
    );
  }
  const properties = combined(listed, others);
  const patternProperties = combined(patterns, []);
  const required = [a, b].flatMap((schema) => [...requiredNames(schema, pointer)]);
  const said = others.filter((other) => other !== undefined);
  const additionalProperties =
    said.length < 2
      ? said[0]
      : said.every(isObject)
        ? { allOf: said }
        : said.includes(false)
          ? false
          : (said.find((other) => other !== true) ?? true);
  return {
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(Object.keys(patternProperties).length > 0 && { patternProperties }),
    ...(required.length > 0 && { required: [...new Set(required)] }),
    ...(additionalProperties !== undefined && { additionalProperties }),
  };
}

/** @param others what a map says of names that it does not list */
function combined(
  maps: readonly Record<string, JsonSchema>[],
  others: readonly unknown[],
): Record<string, unknown> {
  const names = [...new Set(maps.flatMap((map) => Object.keys(map)))];
  return Object.fromEntries(
    names.map((name) => {
      const parts = maps.map((map, i) => (Object.hasOwn(map, name) ? map[name] : others[i]));
      const said = parts.filter((part) => part !== undefined && part !== true);
      return [name, said.length === 2 ? { allOf: said } : (said[0] ?? true)];
    }),
  );
}
