import type { Draw } from '../../fuzz/draw.js';

type Schema = Record<string, unknown>;

/** A schema of keywords that are supported, nested at most so deep, which some value fulfills. */
export function randomSchema(draw: Draw, depth = 3): Schema | boolean {
  const simple = [strings, numbers, integers, listed, fixed, formatted, patterned];
  const nested = [objects, objects, arrays, tuples, maps, combined, merged, typed, tagged];
  const kinds = depth > 0 ? [...simple, ...nested] : simple;
  return pick(draw, kinds)(draw, depth);
}

type Maker = (draw: Draw, depth: number) => Schema | boolean;

const strings: Maker = (draw) => {
  const min = below(draw, 4);
  return {
    type: 'string',
    ...(below(draw, 2) && { minLength: min }),
    ...(below(draw, 2) && { maxLength: min + below(draw, 30) }),
  };
};

const patterned: Maker = (draw) => ({
  type: 'string',
  pattern: pick(draw, [
    '^[a-z]{2,5}$',
    '^(\\d{3}|x+)-[A-F]?$',
    'b[^"\\\\]c',
    '^ab|cd$',
    '^\\w+@\\w+\\.(com|org)$',
    '^.{3}$',
    '^[\\s\\S]{0,4}\\u00e9$',
    '^(?:a|"){1,3}\\\\n$',
  ]),
});

const formatted: Maker = (draw) => ({
  type: 'string',
  format: pick(draw, [
    ...['date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'ipv6', 'hostname', 'uri'],
    'duration',
  ]),
});

const bounds = [
  -1234.5, -100, -7, -1, -0.25, 0, 0.001, 0.5, 1, 2.75, 9, 10, 99, 101, 1e6, 123456.789,
];

const numbers: Maker = (draw) => {
  const at = below(draw, bounds.length - 1);
  const [low, high] = [bounds[at]!, bounds[at + 1 + below(draw, bounds.length - at - 1)]!];
  return {
    type: 'number',
    ...(below(draw, 2) && { [pick(draw, ['minimum', 'exclusiveMinimum'])]: low }),
    ...(below(draw, 2) && { [pick(draw, ['maximum', 'exclusiveMaximum'])]: high }),
  };
};

const integers: Maker = (draw) => {
  const low = below(draw, 2000) - 1000;
  const high = low + 20 + below(draw, 2000);
  const kind = below(draw, 4);
  if (kind === 0) return { type: 'integer', multipleOf: pick(draw, [1, 2, 5, 10, 25, 100]) };
  if (kind === 1)
    return { type: 'integer', multipleOf: 1 + below(draw, 9), minimum: low, maximum: high };
  return {
    type: 'integer',
    ...(below(draw, 3) && { [pick(draw, ['minimum', 'exclusiveMinimum'])]: low }),
    ...(below(draw, 3) && { [pick(draw, ['maximum', 'exclusiveMaximum'])]: high }),
  };
};

const listed: Maker = (draw) => ({ enum: some(draw, values, 1 + below(draw, 4)) });
const fixed: Maker = (draw) => ({ const: pick(draw, values) });

const values = [
  null,
  true,
  0,
  -1.5,
  '',
  'a"b\\c\n',
  'é😀',
  [1, [2]],
  { a: { b: [] } },
  'red',
  'green',
];
const names = ['a', 'ab', 'abc', 'name', 'x-y', 'ü', 'a"b', '', 'items'];

const objects: Maker = (draw, depth) => {
  const own = some(draw, names, below(draw, 5));
  const required = own.filter(() => below(draw, 2));
  const min = below(draw, own.length + 1);
  return {
    type: 'object',
    properties: Object.fromEntries(own.map((name) => [name, randomSchema(draw, depth - 1)])),
    ...(below(draw, 3) && { required }),
    ...(below(draw, 3) === 0 && { minProperties: min }),
    ...(below(draw, 3) === 0 && { maxProperties: Math.max(min, required.length) + below(draw, 3) }),
    ...(below(draw, 3) === 0 && { additionalProperties: below(draw, 2) === 0 }),
  };
};

const maps: Maker = (draw, depth) => ({
  type: 'object',
  ...(below(draw, 2)
    ? { additionalProperties: randomSchema(draw, depth - 1) }
    : {
        patternProperties: { '^x-[a-z]+$': randomSchema(draw, depth - 1), '^y': { type: 'null' } },
      }),
  ...(below(draw, 2) && { maxProperties: 1 + below(draw, 3) }),
  ...(below(draw, 2) && { minProperties: 1 }),
});

const arrays: Maker = (draw, depth) => {
  const min = below(draw, 3);
  return {
    type: 'array',
    ...(below(draw, 4) && { items: randomSchema(draw, depth - 1) }),
    ...(below(draw, 2) && { minItems: min }),
    ...(below(draw, 2) && { maxItems: min + below(draw, 4) }),
    ...(below(draw, 4) === 0 && { uniqueItems: false }),
  };
};

const tuples: Maker = (draw, depth) => {
  const count = 1 + below(draw, 3);
  return {
    type: 'array',
    prefixItems: Array.from({ length: count }, () => randomSchema(draw, depth - 1)),
    ...(below(draw, 2) && { items: below(draw, 2) ? false : randomSchema(draw, depth - 1) }),
    ...(below(draw, 2) && { minItems: below(draw, count + 1) }),
    ...(below(draw, 2) && { maxItems: count + below(draw, 2) }),
  };
};

const combined: Maker = (draw, depth) => ({
  anyOf: Array.from({ length: 1 + below(draw, 3) }, () => randomSchema(draw, depth - 1)),
});

const typed: Maker = (draw) => ({
  type: some(draw, ['null', 'boolean', 'string', 'number', 'integer', 'array', 'object'], 2),
});

/** Parts that fit together. */
const merged: Maker = (draw, depth) => ({
  allOf: [
    { type: 'object', properties: { a: { type: ['integer', 'string'], minLength: 1 } } },
    { properties: { a: { type: ['number', 'string'] }, b: randomSchema(draw, depth - 1) } },
    { required: some(draw, ['a', 'b'], below(draw, 2)) },
  ],
  ...(below(draw, 2) && { properties: { c: { type: 'null' } } }),
});

const tagged: Maker = (draw, depth) => ({
  oneOf: ['circle', 'square'].map((kind) => ({
    type: 'object',
    properties: { kind: { const: kind }, [kind]: randomSchema(draw, depth - 1) },
    required: ['kind'],
  })),
});

function pick<T>(draw: Draw, list: readonly T[]): T {
  return draw.of(list);
}

/** From 0 to `count` − 1. */
function below(draw: Draw, count: number): number {
  return draw.integer(0, count - 1);
}

/** So many of a list, in its order. */
function some<T>(draw: Draw, list: readonly T[], count: number): T[] {
  const left = [...list];
  while (left.length > count) left.splice(below(draw, left.length), 1);
  return left;
}
