import { nearest } from '../../checks/options.js';
import { maxRepetition } from '../limits.js';
import { below, type Pointer, schemaError, unsupported } from './schema-error.js';

/** A JSON schema (drafts 7 to 2020-12): an object, or true or false. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export type SchemaObject = Exclude<JsonSchema, boolean>;

export type TypeName = 'string' | 'number' | 'integer' | 'object' | 'array' | 'boolean' | 'null';

/** Keywords that concern values of one type. Where no `type` is given they imply it. */
export const keywordsOf: Readonly<Partial<Record<TypeName, readonly string[]>>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  object: [
    ...['properties', 'required', 'additionalProperties', 'patternProperties'],
    ...['minProperties', 'maxProperties'],
  ],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
};

/** Keywords that constrain a value, whatever its type. */
export const general = ['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'];

/** Say nothing about what is valid. */
const annotations = [
  ...[
    'title',
    'description',
    'default',
    'examples',
    'example',
    'deprecated',
    'readOnly',
    'writeOnly',
  ],
  ...['$comment', '$schema', '$defs', 'definitions', 'contentMediaType', 'contentEncoding'],
];

const constraints = new Set([...general, ...Object.values(keywordsOf).flat()]);
const known = new Set([...constraints, ...annotations]);

/** Keywords of the standard that are refused, and what to do instead. */
const advice: ReadonlyMap<string, string> = new Map([
  ['not', 'say what a value is, not what it is not.'],
  ['if', 'write the cases as anyOf.'],
  ['then', 'write the cases as anyOf.'],
  ['else', 'write the cases as anyOf.'],
  ['contains', 'describe all items.'],
  ['minContains', 'describe all items.'],
  ['maxContains', 'describe all items.'],
  ['propertyNames', 'use patternProperties.'],
  ['dependentRequired', 'write the cases as anyOf.'],
  ['dependentSchemas', 'write the cases as anyOf.'],
  ['dependencies', 'write the cases as anyOf.'],
  ['unevaluatedProperties', 'use additionalProperties.'],
  ['unevaluatedItems', 'use items.'],
  ['additionalItems', 'use prefixItems and items.'],
  ['$anchor', 'refer to a place, such as #/$defs/name.'],
  ['$dynamicRef', 'use $ref.'],
  ['$dynamicAnchor', 'use $ref.'],
  ['nullable', 'write the type as ["…", "null"].'],
]);

/** Whether anything in it says what is valid. */
export function constrains(schema: SchemaObject): boolean {
  return Object.keys(schema).some((keyword) => constraints.has(keyword));
}

/** @throws ERR_BITNET_SCHEMA at the first keyword that cannot be kept */
export function checkKeywords(schema: SchemaObject, pointer: Pointer): void {
  for (const keyword of Object.keys(schema)) {
    if (known.has(keyword) || (keyword === '$id' && pointer === '')) continue;
    const at = below(pointer, keyword);
    const instead = advice.get(keyword);
    if (instead !== undefined) throw unsupported(at, instead);
    const near = keyword.length <= 60 ? nearest(keyword, [...known]) : undefined;
    throw unsupported(at, near ? `did you mean ${near}?` : 'leave it out.');
  }
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isObject(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function schemaIn(value: unknown, pointer: Pointer): JsonSchema {
  if (isSchema(value)) return value;
  throw schemaError(pointer, 'a schema (an object, true or false), but received something else');
}

export function schemasIn(value: unknown, pointer: Pointer): readonly JsonSchema[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((schema, i) => schemaIn(schema, below(pointer, i)));
  }
  throw schemaError(pointer, 'an array of at least one schema, but received something else');
}

export function schemaMapIn(value: unknown, pointer: Pointer): Record<string, JsonSchema> {
  if (value === undefined) return {};
  if (!isObject(value))
    throw schemaError(pointer, 'an object of schemas, but received something else');
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, one]) => [key, schemaIn(one, below(pointer, key))]));
}

/** A least number, 0 where the keyword is absent. */
export function leastIn(schema: SchemaObject, keyword: string, pointer: Pointer): number {
  const value = countIn(schema, keyword, pointer) ?? 0;
  if (value <= maxRepetition) return value;
  throw schemaError(below(pointer, keyword), `at most ${maxRepetition}, but received ${value}`);
}

/** A greatest number, Infinity where the keyword is absent; also where no text is that long. */
export function mostIn(schema: SchemaObject, keyword: string, pointer: Pointer): number {
  const value = countIn(schema, keyword, pointer) ?? Number.POSITIVE_INFINITY;
  return value <= maxRepetition ? value : Number.POSITIVE_INFINITY;
}

function countIn(schema: SchemaObject, keyword: string, pointer: Pointer): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw schemaError(
    below(pointer, keyword),
    'an integer of at least 0, but received something else',
  );
}
