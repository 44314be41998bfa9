import { describe, expect, it } from 'vitest';
import { type JsonSchema, rulesOfSchema } from '../../../lib/grammar/schema/rules-of-schema.js';
import { byteGrammar, matches } from '../text-matcher.js';

async function taken(schema: JsonSchema, texts: readonly string[]): Promise<string[]> {
  const grammar = await byteGrammar(rulesOfSchema(schema));
  return texts.filter((text) => matches(grammar, text) === 'whole');
}

/** What a schema takes, and what it does not. */
const cases: [name: string, schema: JsonSchema, good: string[], bad: string[]][] = [
  [
    'any value',
    true,
    ['1', '"a"', '[1,{"a":[]}]', '{ "a": null }', '-1.5e+10'],
    ['', '01', '[1,]', '{a:1}'],
  ],
  ['types', { type: ['null', 'boolean'] }, ['null', 'true', 'false'], ['0', '"true"']],
  [
    'white space, bounded',
    { type: 'array' },
    ['[\n    1, 2]', '[]', '[ ]'],
    ['[\n\n1]', '[  1]', ' []', '[] '],
  ],
  [
    'properties in order, closed unless said otherwise',
    { properties: { a: { type: 'null' }, b: { type: 'null' }, c: {} }, required: ['b'] },
    ['{"a":null,"b":null}', '{"b":null}', '{"b":null,"c":1}', '{"a":null,"b":null,"c":[]}'],
    ['{}', '{"a":null}', '{"b":null,"a":null}', '{"b":null,"x":1}', '{"b":null,}', '{,"b":null}'],
  ],
  [
    'additional properties, which never have a listed name',
    { properties: { ab: { type: 'null' } }, additionalProperties: { type: 'integer' } },
    ['{"ab":null,"x":1}', '{"a":1,"abc":2}', '{}', '{"":1}'],
    ['{"ab":1}', '{"x":null}', '{"a\\u0062":1}'],
  ],
  [
    'a map',
    { type: 'object', additionalProperties: { const: 1 } },
    ['{}', '{"a":1, "b":1}'],
    ['{"a":2}'],
  ],
  ['an open object', { type: 'object' }, ['{}', '{"a":{"b":1}}'], ['[]']],
  [
    'required and not listed',
    { required: ['x'], type: 'object' },
    ['{"x":1}', '{"x":1,"y":2}'],
    ['{}'],
  ],
  [
    'names by pattern',
    { patternProperties: { '^x-': { type: 'null' }, '^y$': { const: 1 } } },
    ['{}', '{"x-a":null}', '{"y":1,"x-":null}'],
    ['{"z":1}', '{"y":null}'],
  ],
  [
    'counted properties',
    { properties: { a: {}, b: {}, c: {} }, minProperties: 1, maxProperties: 2 },
    ['{"a":1}', '{"b":1,"c":1}'],
    ['{}', '{"a":1,"b":1,"c":1}'],
  ],
  [
    'items, first and others',
    {
      prefixItems: [{ type: 'null' }, { type: 'boolean' }],
      items: { type: 'integer' },
      minItems: 1,
      maxItems: 3,
    },
    ['[null]', '[null,true]', '[null, false, 7]'],
    ['[]', '[true]', '[null,true,1,2]', '[null,true,null]'],
  ],
  [
    'counted items',
    { items: { const: 1 }, minItems: 2, maxItems: 3 },
    ['[1,1]', '[1,1,1]'],
    ['[1]', '[1,1,1,1]', '[]'],
  ],
  ['no items', { type: 'array', items: false }, ['[]'], ['[1]']],
  [
    'enum and const',
    { anyOf: [{ enum: ['a', 1, null] }, { const: { b: [true] } }] },
    ['"a"', '1', 'null', '{"b":[true]}'],
    ['"b"', '{}'],
  ],
  ['enum of a type', { type: 'string', enum: ['a', 1] }, ['"a"'], ['1']],
  [
    'lengths in characters',
    { type: 'string', minLength: 2, maxLength: 3 },
    ['"ab"', '"é😀"', '"\\n\\"x"'],
    ['"a"', '"abcd"', '"\n\n"'],
  ],
  ['a pattern found anywhere', { pattern: 'b+' }, ['"b"', '"abbc"'], ['"a"', '""']],
  [
    'a pattern with anchors',
    { pattern: '^a{2,}(b|"c)?$' },
    ['"aa"', '"aaab"', '"aa\\"c"'],
    ['"a"', '"aac"', '"xaa"'],
  ],
  [
    'a pattern and lengths',
    { pattern: '^[a-z]+$', minLength: 2, maxLength: 3 },
    ['"ab"', '"abc"'],
    ['"a"', '"abcd"'],
  ],
  ['a format', { format: 'date' }, ['"2026-12-31"'], ['"2026-02-30"', '"2026-1-1"']],
  [
    'integers',
    { type: 'integer' },
    ['0', '-12', '123456789012345'],
    ['1.5', '01', '+1', '1e3', '1234567890123456'],
  ],
  [
    'a range of integers',
    { type: 'integer', minimum: -12, exclusiveMaximum: 105 },
    ['-12', '-1', '0', '99', '104'],
    ['-13', '105', '1000', '-0'],
  ],
  [
    'one-sided integers',
    { type: 'integer', minimum: 18 },
    ['18', '19', '20', '100', '999999999999999'],
    ['17', '9', '-18'],
  ],
  [
    'multiples',
    { type: 'integer', multipleOf: 25 },
    ['0', '25', '-150', '1000'],
    ['10', '26', '1005'],
  ],
  [
    'multiples in a range',
    { type: 'integer', multipleOf: 7, minimum: -8, maximum: 15 },
    ['-7', '0', '7', '14'],
    ['-14', '21', '1'],
  ],
  [
    'a range of numbers',
    { type: 'number', minimum: -1.25, exclusiveMaximum: 2.5 },
    ['-1.25', '-1.2', '-1', '-0.5', '0', '1.99', '2', '2.4', '2.49999', '2.0'],
    ['-1.26', '-2', '2.5', '2.50', '3', '-1.251'],
  ],
  [
    'above zero',
    { type: 'number', exclusiveMinimum: 0 },
    ['0.1', '1', '12.5'],
    ['0', '0.0', '-1', '-0'],
  ],
  [
    'below zero',
    { type: 'number', exclusiveMaximum: 0 },
    ['-0.1', '-1', '-12.5'],
    ['0', '-0', '-0.0', '1'],
  ],
  [
    'between close numbers',
    { type: 'number', minimum: 0.12, maximum: 0.13 },
    ['0.12', '0.125', '0.13', '0.130'],
    ['0.11', '0.131', '0.1', '0'],
  ],
  [
    'a reference to itself',
    {
      $defs: { node: { properties: { v: { type: 'integer' }, next: { $ref: '#/$defs/node' } } } },
      $ref: '#/$defs/node',
    },
    ['{"v":1,"next":{"v":2,"next":{}}}'],
    ['{"next":1}'],
  ],
  ['a list in itself', { items: { $ref: '#' } }, ['[]', '[[],[[]]]'], ['[1]']],
  [
    'all of several',
    {
      allOf: [
        { properties: { a: { type: 'integer' } } },
        { properties: { a: { minimum: 3 }, b: { const: 1 } } },
      ],
      required: ['a'],
    },
    ['{"a":3}', '{"a":4,"b":1}'],
    ['{"a":2}', '{"b":1}'],
  ],
  [
    'all of a reference and itself',
    {
      $defs: { base: { properties: { id: { type: 'integer' } }, required: ['id'] } },
      allOf: [{ $ref: '#/$defs/base' }],
      properties: { n: { const: 1 } },
    },
    ['{"id":1}', '{"n":1,"id":1}'],
    ['{}', '{"n":1}', '{"id":1,"n":1}'],
  ],
  [
    'any of, beside what all share',
    {
      properties: { kind: {}, a: { const: 1 } },
      required: ['kind'],
      anyOf: [
        { properties: { kind: { const: 'x' } }, required: ['a'] },
        { properties: { kind: { const: 'y' } } },
      ],
    },
    ['{"kind":"x","a":1}', '{"kind":"y"}'],
    ['{"kind":"x"}', '{"kind":"z"}'],
  ],
  [
    'one of, told apart',
    {
      oneOf: [
        { type: 'string' },
        { type: 'integer' },
        { type: 'object', properties: { t: { const: 1 } }, required: ['t'] },
        { type: 'object', properties: { t: { const: 2 } }, required: ['t'] },
      ],
    },
    ['"a"', '1', '{"t":1}', '{"t":2}'],
    ['null', '{"t":3}'],
  ],
  [
    'a property that cannot be',
    { properties: { a: false, b: {} } },
    ['{}', '{"b":1}'],
    ['{"a":1}'],
  ],
];

describe('a schema takes', () => {
  it.each(cases)('%s', async (_name, schema, good, bad) => {
    expect(await taken(schema, [...good, ...bad])).toEqual(good);
  });
});

describe('what cannot be kept is an error at its place', () => {
  const never: [JsonSchema, string][] = [
    [{ not: {} }, '/not'],
    [{ oneOf: [{ type: 'string' }, { properties: { t: { const: 1 } } }] }, '/oneOf'],
    [{ allOf: [{ prefixItems: [{}] }, { items: { type: 'string' } }] }, '/items'],
    [{ allOf: [{ enum: 5 }, { enum: [1] }] }, '/enum'],
    [{ properties: { a: { if: {} } } }, '/properties/a/if'],
    [{ properties: { 'a/b~': { contains: {} } } }, '/properties/a~1b~0/contains'],
    [{ type: 'text' }, '/type'],
    [{ typ: 'string' }, '/typ'],
    [{ type: 'string', minLength: -1 }, '/minLength'],
    [{ type: 'string', pattern: '(?=a)' }, '/pattern'],
    [{ type: 'string', pattern: '\\bx' }, '/pattern'],
    [{ type: 'string', pattern: '(a)\\1' }, '/pattern'],
    [{ type: 'string', pattern: '(^a)' }, '/pattern'],
    [{ type: 'string', pattern: 'a**' }, '/pattern'],
    [{ type: 'string', pattern: '[z-a]' }, '/pattern'],
    [{ type: 'string', pattern: ')' }, '/pattern'],
    [{ type: 'string', pattern: 'ab|c', minLength: 2 }, '/pattern'],
    [{ type: 'string', format: 'iri' }, '/format'],
    [{ type: 'array', uniqueItems: true }, '/uniqueItems'],
    [{ items: [{}] }, '/items'],
    [{ items: { $ref: 'http://example.com/x' } }, '/items/$ref'],
    [{ $ref: '#/$defs/none' }, '/$ref'],
    [{ $ref: '#' }, '/$ref'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '/oneOf'],
    [{ oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] }, '/oneOf'],
    [{ anyOf: [] }, '/anyOf'],
    [{ enum: 1 } as JsonSchema, '/enum'],
    [{ const: 'a', minLength: 2 }, '/minLength'],
    [{ type: 'number', multipleOf: 0.01 }, '/multipleOf'],
    [{ type: 'integer', multipleOf: 7 }, '/multipleOf'],
    [{ type: 'number', minimum: 1e300 }, ''],
    [{ required: [1] } as JsonSchema, '/required'],
    [{ properties: [] } as JsonSchema, '/properties'],
    [{ properties: { a: 1 } } as JsonSchema, '/properties/a'],
    [{ patternProperties: { a: {} }, additionalProperties: true }, '/additionalProperties'],
    [{ patternProperties: { '^x': {}, '^xy': {} } }, '/patternProperties/^xy'],
    [{ properties: { xa: {} }, patternProperties: { '^x': {} } }, '/patternProperties/^x'],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, '/pattern'],
  ];
  it.each(never)('%j', (schema, pointer) => {
    expect(() => rulesOfSchema(schema)).toThrow(
      expect.objectContaining({
        ...{ code: 'ERR_BITNET_SCHEMA', pointer },
        message: expect.stringMatching(/^Expected .*\.$/s),
      }),
    );
  });
});

describe('hostile schemas are answered', () => {
  const nest = (depth: number, wrap: (inner: JsonSchema) => JsonSchema) => {
    let schema: JsonSchema = {};
    for (let i = 0; i < depth; i++) schema = wrap(schema);
    return schema;
  };
  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `d${i}`,
      { allOf: [1, 2].map((n) => ({ properties: { [`p${n}`]: { $ref: `#/$defs/d${i + 1}` } } })) },
    ]),
  );
  it.each<[string, JsonSchema]>([
    ['deep', nest(20000, (items) => ({ items }))],
    ['deep allOf', nest(3000, (inner) => ({ allOf: [inner] }))],
    [
      'references in a circle',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    ],
    [
      'wide',
      {
        properties: Object.fromEntries(
          Array.from({ length: 30000 }, (_, i) => [`p${i}`, { minLength: i }]),
        ),
      },
    ],
    [
      'cases to count',
      {
        properties: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, {}])),
        minProperties: 500,
      },
    ],
  ])('%s', (_name, schema) => {
    expect(() => rulesOfSchema(schema)).toThrow(
      expect.objectContaining({ code: 'ERR_BITNET_SCHEMA' }),
    );
  });

  it('doubling references are one rule each', () => {
    const schema = { $defs: { ...doubling, d40: { type: 'null' } }, $ref: '#/$defs/d0' };
    expect(rulesOfSchema(schema).size).toBeLessThan(500);
  });
});
