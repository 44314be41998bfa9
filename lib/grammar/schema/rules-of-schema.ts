import { isDeepStrictEqual } from 'node:util';
import { choice, type Expression, type Rules, rule } from '../expression.js';
import { maxGrammarLength } from '../limits.js';
import { arrayRules } from './arrays.js';
import { areDisjoint } from './disjoint.js';
import { jsonValue } from './json-text.js';
import {
  checkKeywords,
  constrains,
  general,
  type JsonSchema,
  type SchemaObject,
  schemaIn,
  schemasIn,
  type TypeName,
} from './keywords.js';
import { mergedSchemas } from './merge.js';
import { integerText, numberText } from './numbers.js';
import { objectRules } from './objects.js';
import { referred } from './references.js';
import type { SchemaContext } from './schema-context.js';
import { below, type Pointer, schemaError } from './schema-error.js';
import { stringText } from './strings.js';
import { allTypes, isOfType, saidTypes, typesOf } from './types.js';

export type { JsonSchema } from './keywords.js';

/** Places that are looked at: references and combinations can make many of few. */
const maxPlaces = 10_000;

/** UTF-16 units of all of them, written as JSON. */
const maxPlacesLength = 2 ** 26;

/**
 * The rules of the JSON texts that fulfill a schema; not of all of them: white space and numbers are
 * bounded, characters are written in one way, and properties come in the schema's order.
 *
 * @throws ERR_BITNET_SCHEMA with the `pointer` of what is wrong, or cannot be kept
 */
export function rulesOfSchema(root: JsonSchema): Rules {
  const rules = new Map<string, Expression>();
  const names = new Map<string, string>();
  let length = 0;
  let numbers = 0;
  const context: SchemaContext = {
    root,
    value(schema, pointer) {
      if (typeof schema !== 'boolean' && !constrains(schema)) checkKeywords(schema, pointer);
      const key =
        typeof schema === 'boolean' || constrains(schema) ? JSON.stringify(schema) : 'true';
      length += key.length;
      if (length > maxPlacesLength) throw tooLarge(pointer);
      return context.named(key, `#${pointer}`, () => valueRules(context, schema, pointer));
    },
    named(key, name, make) {
      const known = names.get(key);
      if (known !== undefined) return rule(known);
      if (names.size >= maxPlaces) throw tooLarge(name.slice(1));
      let own = name;
      for (let i = names.size; rules.has(own); i++) own = `${name} ${i}`;
      names.set(key, own);
      rules.set(own, choice([])); // keeps its place: the root is the first
      rules.set(own, make());
      return rule(own);
    },
    rule: (name, expression) => context.named(`${context.unique()}`, name, () => expression),
    unique: () => numbers++,
  };
  try {
    if (JSON.stringify(root).length > maxGrammarLength) throw tooLarge('');
    context.value(schemaIn(root, ''), '');
  } catch (error) {
    if (error instanceof RangeError) throw schemaError('', 'a schema that is nested less deeply');
    throw error;
  }
  return rules;
}

function tooLarge(pointer: Pointer): Error {
  return schemaError(
    pointer,
    `a schema of at most ${maxPlaces} places, also where references and allOf repeat them`,
  );
}

function valueRules(context: SchemaContext, schema: JsonSchema, pointer: Pointer): Expression {
  if (schema === false) return choice([]);
  const whole = flattened(context, schema, pointer, []);
  if (whole === false) return choice([]);
  if (whole === true) return ofTypes(context, {}, pointer, allTypes);
  for (const keyword of ['anyOf', 'oneOf'] as const) {
    if (whole[keyword] !== undefined) return alternatives(context, whole, keyword, pointer);
  }
  if (Object.hasOwn(whole, 'const') || whole.enum !== undefined) return listed(whole, pointer);
  return ofTypes(context, whole, pointer, typesOf(whole, pointer));
}

/** The schema with what it refers to and what allOf says as its own keywords. */
function flattened(
  context: SchemaContext,
  schema: JsonSchema,
  pointer: Pointer,
  way: readonly string[],
): JsonSchema {
  if (typeof schema === 'boolean') return schema;
  checkKeywords(schema, pointer);
  if (way.length > 100) throw schemaError(pointer, 'schemas that are combined less deeply');
  const { $ref, allOf, $id: _, ...own } = schema; // a name of the root, which may be referred to
  let whole: JsonSchema = own;
  const add = (part: JsonSchema, at: Pointer, through: readonly string[]) => {
    whole = mergedSchemas(whole, flattened(context, part, at, through), pointer);
  };
  if ($ref !== undefined) {
    const at = below(pointer, '$ref');
    const target = referred(context.root, $ref, at);
    if (way.includes(target.pointer)) {
      throw schemaError(at, 'a reference to something else than itself');
    }
    add(target.schema, target.pointer, [...way, target.pointer]);
  }
  if (allOf !== undefined) {
    const at = below(pointer, 'allOf');
    schemasIn(allOf, at).forEach((part, i) => {
      add(part, below(at, i), [...way, below(at, i)]);
    });
  }
  return whole;
}

function alternatives(
  context: SchemaContext,
  schema: SchemaObject,
  keyword: 'anyOf' | 'oneOf',
  pointer: Pointer,
): Expression {
  const { [keyword]: list, ...rest } = schema;
  const at = below(pointer, keyword);
  const parts = schemasIn(list, at);
  if (keyword === 'oneOf') refuseOverlap(context, parts, at);
  if (!constrains(rest)) return choice(parts.map((part, i) => context.value(part, below(at, i))));
  return choice(
    parts.map((part, i) => {
      const whole = flattened(context, part, below(at, i), []);
      return context.value(mergedSchemas(rest, whole, pointer), below(at, i));
    }),
  );
}

/** oneOf is anyOf where no value fulfills two of them; else it cannot be kept. */
function refuseOverlap(
  context: SchemaContext,
  parts: readonly JsonSchema[],
  pointer: Pointer,
): void {
  const flat = parts.map((part, i) => flattened(context, part, below(pointer, i), []));
  if (flat.length > 100) throw schemaError(pointer, 'at most 100 alternatives in oneOf');
  for (let i = 0; i < flat.length; i++) {
    for (let j = 0; j < i; j++) {
      if (areDisjoint(context.root, flat[i]!, flat[j]!)) continue;
      throw schemaError(
        pointer,
        `alternatives of oneOf that no value can share, such as objects that require the same property with different const, but ${j} and ${i} may; use anyOf`,
      );
    }
  }
}

/** enum and const: those values that fulfill what else is said. */
function listed(schema: SchemaObject, pointer: Pointer): Expression {
  const beside = Object.keys(schema).find(
    (keyword) => !general.includes(keyword) && constrains({ [keyword]: true }),
  );
  if (beside !== undefined) {
    throw schemaError(
      below(pointer, beside),
      `no "${beside}" beside enum or const; leave out the values that it excludes`,
    );
  }
  if (schema.enum !== undefined && !Array.isArray(schema.enum)) {
    throw schemaError(below(pointer, 'enum'), 'an array of values, but received something else');
  }
  const types = saidTypes(schema, pointer);
  const values: readonly unknown[] = schema.enum ?? [schema.const];
  const allowed = values.filter(
    (value) =>
      (types === undefined || isOfType(value, types)) &&
      (!Object.hasOwn(schema, 'const') || isDeepStrictEqual(value, schema.const)),
  );
  return choice(allowed.map(jsonValue));
}

function ofTypes(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
  types: readonly TypeName[],
): Expression {
  return choice(types.map((type) => ofType(context, schema, pointer, type)));
}

function ofType(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
  type: TypeName,
): Expression {
  switch (type) {
    case 'null':
      return jsonValue(null);
    case 'boolean':
      return choice([jsonValue(true), jsonValue(false)]);
    case 'string':
      return stringText(schema, pointer);
    case 'integer':
      return integerText(schema, pointer);
    case 'number':
      return numberText(schema, pointer);
    case 'array':
      return arrayRules(context, schema, pointer);
    case 'object':
      return objectRules(context, schema, pointer);
  }
}
