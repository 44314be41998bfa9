import { choice, type Expression, optional, repeat, sequence, text } from '../expression.js';
import { jsonValue, space } from './json-text.js';
import {
  type JsonSchema,
  leastIn,
  mostIn,
  type SchemaObject,
  schemaIn,
  schemaMapIn,
} from './keywords.js';
import { otherName } from './other-names.js';
import { patternText } from './pattern.js';
import type { SchemaContext } from './schema-context.js';
import { below, type Pointer, schemaError } from './schema-error.js';

/** A property with a name of its own. */
interface Listed {
  readonly member: Expression;
  readonly required: boolean;
}

/** Rules that an object of many properties may take where they are counted. */
const maxCounted = 5000;

/**
 * Objects: their listed properties in the schema's order, then those that are required and not listed, then
 * additional ones. Where properties are listed and nothing is said of others there are none.
 */
export function objectRules(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
): Expression {
  const min = leastIn(schema, 'minProperties', pointer);
  const max = mostIn(schema, 'maxProperties', pointer);
  const listed = listedProperties(context, schema, pointer);
  const other = otherMember(context, schema, pointer, [...listed.keys()]);
  if (min > max) return choice([]);
  const members = [...listed.values()];
  const counts = other === undefined && max >= members.length ? min : Math.max(min, bound(max));
  const most = Math.max(Math.min(counts, members.length), 1);
  if (members.length * most > maxCounted) {
    const keyword = Object.hasOwn(schema, 'minProperties') ? 'minProperties' : 'maxProperties';
    throw schemaError(
      below(pointer, keyword),
      `at most ${maxCounted} cases of properties to count`,
    );
  }
  const own = context.unique();
  const limits = { min, max };
  /** What follows property `at`, when there are `count` so far; from `most` on it does not matter how many. */
  const from = (at: number, count: number): Expression => {
    if (at === members.length) return others(other, count, limits);
    return context.named(`${own} ${at} ${count}`, `#${pointer} ${at}`, () => {
      const { member, required } = members[at]!;
      const ways: Expression[] = [];
      if (count < max) {
        const next = from(at + 1, Math.min(count + 1, most));
        ways.push(sequence(...(count > 0 ? [comma] : []), member, next));
      }
      if (!required) ways.push(from(at + 1, count));
      return choice(ways);
    });
  };
  return sequence(text('{'), space, from(0, 0), text('}'));
}

const comma = sequence(text(','), space);

function bound(max: number): number {
  return Number.isFinite(max) ? max : 0;
}

/** Additional properties up to the limits, and the white space before the closing bracket. */
function others(
  member: Expression | undefined,
  count: number,
  { min, max }: { readonly min: number; readonly max: number },
): Expression {
  const end = count > 0 ? space : sequence();
  if (member === undefined || count >= max) return count >= min ? end : choice([]);
  // Names may repeat, so that two more properties may count as one.
  const missing = Math.max(min - count, 0);
  if (missing > 1) return choice([]);
  const more = (least: number, most: number) => repeat(sequence(comma, member), least, most);
  if (count > 0) return sequence(more(missing, max - count), space);
  const some = sequence(member, more(0, max - 1), space);
  return missing > 0 ? some : optional(some);
}

function listedProperties(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
): Map<string, Listed> {
  const required = requiredNames(schema, pointer);
  const at = below(pointer, 'properties');
  const listed = new Map<string, Listed>();
  for (const [name, one] of Object.entries(schemaMapIn(schema.properties, at))) {
    const value = context.value(one, below(at, name));
    listed.set(name, { member: property(jsonValue(name), value), required: required.has(name) });
  }
  for (const name of required) {
    if (listed.has(name)) continue;
    const value = context.value(unlisted(schema, name, pointer), below(pointer, 'required'));
    listed.set(name, { member: property(jsonValue(name), value), required: true });
  }
  return listed;
}

/** What a required property that is not listed must be. */
function unlisted(schema: SchemaObject, name: string, pointer: Pointer): JsonSchema {
  if (schema.patternProperties !== undefined) {
    throw schemaError(
      below(pointer, 'required'),
      `required properties to be listed where there are patternProperties, but ${JSON.stringify(name.slice(0, 60))} is not`,
    );
  }
  const { additionalProperties: other } = schema;
  return other === undefined ? true : schemaIn(other, below(pointer, 'additionalProperties'));
}

export function requiredNames({ required }: SchemaObject, pointer: Pointer): Set<string> {
  if (required === undefined) return new Set();
  if (Array.isArray(required) && required.every((name) => typeof name === 'string')) {
    return new Set(required);
  }
  throw schemaError(below(pointer, 'required'), 'an array of names, but received something else');
}

/** A property without a name of its own; undefined where there are none. */
function otherMember(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
  names: readonly string[],
): Expression | undefined {
  const { additionalProperties: other } = schema;
  if (schema.patternProperties !== undefined) {
    return patternMember(context, schema, pointer, names);
  }
  const listsSome = Object.keys(schema.properties ?? {}).length > 0;
  if (other === undefined && listsSome) return undefined;
  const at = below(pointer, 'additionalProperties');
  const value = other === undefined ? true : schemaIn(other, at);
  if (value === false) return undefined;
  return property(otherName(context, names), context.value(value, at));
}

/** Properties whose names match patterns that share no name with each other or with listed ones. */
function patternMember(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
  names: readonly string[],
): Expression | undefined {
  const at = below(pointer, 'patternProperties');
  const { additionalProperties: other } = schema;
  if (other !== undefined && other !== false) {
    throw schemaError(
      below(pointer, 'additionalProperties'),
      'additionalProperties to be false beside patternProperties, but received something else',
    );
  }
  const patterns = Object.entries(schemaMapIn(schema.patternProperties, at));
  const beginnings = patterns.map(([pattern]) => beginning(pattern));
  for (const [i, [pattern]] of patterns.entries()) {
    const clash = beginnings.some((text, j) => {
      return j < i && (text.startsWith(beginnings[i]!) || beginnings[i]!.startsWith(text));
    });
    if (clash || names.some((name) => name.startsWith(beginnings[i]!))) {
      throw schemaError(
        below(at, pattern),
        'patterns that begin with different texts (such as ^x- and ^y-), and no listed property that begins like one',
      );
    }
  }
  return choice(
    patterns.map(([pattern, one]) => {
      const place = below(at, pattern);
      const name = patternText(pattern, place, { min: 0, max: Number.POSITIVE_INFINITY });
      return property(sequence(text('"'), name, text('"')), context.value(one, place));
    }),
  );
}

/** The text that everything begins with that a pattern matches. */
function beginning(pattern: string): string {
  const found = /^\^([A-Za-z0-9_\- ]*)(?![*+?{])/.exec(pattern);
  return found && !pattern.includes('|') ? found[1]! : '';
}

function property(name: Expression, value: Expression): Expression {
  return sequence(name, text(':'), space, value);
}
