import { choice, type Expression, optional, repeat, sequence, text } from '../expression.js';
import { space } from './json-text.js';
import {
  type JsonSchema,
  leastIn,
  mostIn,
  type SchemaObject,
  schemaIn,
  schemasIn,
} from './keywords.js';
import type { SchemaContext } from './schema-context.js';
import { below, type Pointer, schemaError, unsupported } from './schema-error.js';

export function arrayRules(
  context: SchemaContext,
  schema: SchemaObject,
  pointer: Pointer,
): Expression {
  const min = leastIn(schema, 'minItems', pointer);
  const max = mostIn(schema, 'maxItems', pointer);
  const { uniqueItems } = schema;
  if (uniqueItems !== undefined && uniqueItems !== false && max > 1) {
    throw unsupported(below(pointer, 'uniqueItems'), 'leave it out, and drop items that repeat.');
  }
  if (Array.isArray(schema.items)) {
    throw schemaError(
      below(pointer, 'items'),
      'one schema for all items, but received several; write prefixItems',
    );
  }
  const first = firstItems(context, schema, pointer);
  const rest = schema.items === undefined ? true : schemaIn(schema.items, below(pointer, 'items'));
  const closed = rest === false || (schema.items === undefined && first.length > 0);
  const last = closed ? first.length : max;
  const item = () => context.value(rest as JsonSchema, below(pointer, 'items'));
  const inner = items(
    context,
    first,
    last > first.length ? item() : undefined,
    min,
    Math.min(max, last),
  );
  return sequence(text('['), inner, text(']'));
}

function firstItems(context: SchemaContext, schema: SchemaObject, pointer: Pointer): Expression[] {
  if (schema.prefixItems === undefined) return [];
  const at = below(pointer, 'prefixItems');
  return schemasIn(schema.prefixItems, at).map((one, i) => context.value(one, below(at, i)));
}

/** Between the brackets: the first items, then any number of `item`, `min` to `max` together. */
function items(
  context: SchemaContext,
  first: readonly Expression[],
  item: Expression | undefined,
  min: number,
  max: number,
): Expression {
  if (min > max) return choice([]);
  const comma = sequence(text(','), space);
  const count = Math.min(first.length, max);
  let tail: Expression = sequence();
  if (item !== undefined && max > count) {
    const more = (from: number, to: number) => repeat(sequence(comma, item), from, to);
    tail =
      count > 0
        ? more(Math.max(min - count, 0), max - count)
        : sequence(item, more(Math.max(min - 1, 0), max - 1));
    if (count === 0) {
      const inside = sequence(tail, space);
      return sequence(space, min === 0 ? optional(inside) : inside);
    }
  } else if (min > count) {
    return choice([]);
  }
  if (count === 0) return space;
  for (let i = count; --i > 0; ) {
    const here = sequence(comma, first[i]!, tail);
    tail = i >= min ? context.rule('more items', optional(here)) : here;
  }
  const inside = sequence(first[0]!, tail, space);
  return sequence(space, min === 0 ? optional(inside) : inside);
}
