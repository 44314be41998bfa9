/** What is generated often: a schema or grammar, and a text of it. */
const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 80 },
    age: { type: 'integer', minimum: 0, maximum: 130 },
    email: { type: 'string', format: 'email' },
    role: { enum: ['admin', 'editor', 'author', 'reader'] },
    tags: { type: 'array', items: { type: 'string', maxLength: 30 }, maxItems: 8 },
    active: { type: 'boolean' },
  },
  required: ['name', 'age', 'role'],
  additionalProperties: false,
};

const name = 'Ada Lovelace of the analytical engine';
const somebody = {
  name,
  age: 36,
  email: 'ada.l@example.org',
  role: 'author',
  tags: ['mathematics', 'first of all programmers'],
  active: true,
};
const long = `${'A long text, which goes on and on, with "quotes" here and there, and Ünïcödé (日本語). '.repeat(8)}\nEnd.`;

export const texts = [
  { name: 'a bounded schema', schema: person, text: JSON.stringify(somebody) },
  {
    name: 'a list of them, indented',
    schema: { type: 'array', items: person, minItems: 1, maxItems: 20 },
    text: indented([somebody, { ...somebody, name: 'Bob' }]),
  },
  {
    name: 'a long text',
    schema: {
      type: 'object',
      properties: { title: { type: 'string' }, text: { type: 'string', maxLength: 4000 } },
      required: ['title', 'text'],
    },
    text: JSON.stringify({ title: 'Of texts', text: long }),
  },
  {
    name: 'short texts',
    schema: { type: 'array', items: { type: 'string', maxLength: 12 }, maxItems: 10 },
    text: JSON.stringify(['one', 'twenty-three', 'a b c', 'Zürich', 'x']),
  },
  {
    name: 'a tree, with references',
    schema: {
      $defs: {
        node: {
          type: 'object',
          properties: {
            value: { type: 'number' },
            children: { type: 'array', items: { $ref: '#/$defs/node' } },
          },
          required: ['value'],
        },
      },
      $ref: '#/$defs/node',
    },
    text: JSON.stringify({
      value: 1.5,
      children: [{ value: -2, children: [{ value: 3e2 }] }, { value: 0.125 }],
    }),
  },
  {
    name: 'any JSON',
    schema: true,
    text: JSON.stringify({ a: [1, null, { b: long.slice(0, 90) }], c: -1.5 }),
  },
  {
    name: 'patterns',
    schema: {
      type: 'array',
      items: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,30}@(red|green|blue)-\\d{3}$' },
    },
    text: '["some_name@green-123","x@red-000"]',
  },
  {
    name: 'arithmetic (GBNF)',
    gbnf: 'root ::= (expr "=" ws num "\\n")+\nexpr ::= term ([-+*/] term)*\nterm ::= num | "(" ws expr ")" ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*\n',
    text: '(1 +2) *34 -5 = 97\n12/4=3\n',
  },
];

/** White space as schemas allow it: none before a colon, a line end and blanks elsewhere. */
function indented(value) {
  return JSON.stringify(value, null, 2);
}
