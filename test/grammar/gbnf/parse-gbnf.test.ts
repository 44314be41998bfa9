import { describe, expect, it } from 'vitest';
import { parseGbnf } from '../../../lib/grammar/gbnf/parse-gbnf.js';
import { gbnfMatcher } from '../gbnf-matcher.js';
import { byteGrammar, matches } from '../text-matcher.js';

const cases: Record<string, { grammar: string; texts: string[] }> = {
  'names, alternatives, groups and repetitions': {
    grammar: `root ::= (expr "=" ws term "\\n")+
      expr ::= term ([-+*/] term)*
      term ::= ident | num | "(" ws expr ")" ws
      ident ::= [a-z] [a-z0-9_]* ws # a comment | with signs
      num ::= [0-9]+ ws
      ws ::= [ \\t\\n]*`.replaceAll(/^ {6}/gm, ''),
    texts: ['a=1\n', 'x + (y2*3) = 4\n', 'a=\n', '=1', 'a=1', 'a=1\nb=2\n', 'A=1\n', '(a=1\n'],
  },
  'escapes and code points': {
    grammar:
      'root ::= "\\x41\\u00e9\\U0001F600" "\\t\\r\\\\\\"\\[\\]" [\\x30-\\x39\\u4e00-\\u9fff\\]]+',
    texts: ['Aé😀\t\r\\"[]0', 'Aé😀\t\r\\"[]一]9', 'Aé😀\t\r\\"[]a', 'Aé😀'],
  },
  'negated classes, dashes and any character': {
    grammar: 'root ::= [^a-c\\n-] . [a-] [-+]',
    texts: ['xya-', 'x😀-+', 'a😀-+', '-.-+', 'x\n--', 'xyb-'],
  },
  'counted repetitions': {
    grammar: 'root ::= "ab"{2} [0-9]{1,3} (x | "y"){0,2} "z"{2,}\nx ::= "xx"?  "x"',
    texts: ['abab1zz', 'abab123xyzzz', 'abab1234zz', 'ababzz', 'abab1xxyyzz', 'abab1yyz', 'ab1zz'],
  },
  'new lines in groups and behind signs': {
    grammar:
      '\n# first\nroot ::=\n  "a" |\n  ( "b"\n    | # why\n    "c" )\n\n\nother-1 ::= "d"\r\n',
    texts: ['a', 'b', 'c', 'd', ''],
  },
  'rules that may be empty': {
    grammar: 'root ::= a b "." \na ::= "x" | ""\nb ::= ("y" a)?',
    texts: ['.', 'x.', 'y.', 'yx.', 'xyx.', 'xx.'],
  },
  recursion: {
    grammar: 'root ::= "(" root? ")" root? | [a-z]',
    texts: ['()', '(())()', 'a', '(a)b', '(a)b()', '(()', ')'],
  },
};

for (const [name, { grammar, texts }] of Object.entries(cases)) {
  it(`reads ${name} as an independent matcher does`, async () => {
    const compiled = await byteGrammar(parseGbnf(grammar));
    const expected = gbnfMatcher(grammar);
    for (const text of texts)
      expect([text, matches(compiled, text)]).toEqual([text, expected(text)]);
    expect(new Set(texts.map(expected)).size).toBeGreaterThan(1);
  });
}

it('reads token terminals by id and by text, negated too', () => {
  const rules = parseGbnf('root ::= <[1000]> !<[7]> <think> !</think>* "a"');
  expect(rules.get('root')).toEqual({
    type: 'sequence',
    items: [
      { type: 'token', token: 1000, negated: false },
      { type: 'token', token: 7, negated: true },
      { type: 'token', token: '<think>', negated: false },
      {
        ...{ type: 'repeat', min: 0, max: Number.POSITIVE_INFINITY },
        item: { type: 'token', token: '</think>', negated: true },
      },
      { type: 'text', text: 'a' },
    ],
  });
});

describe('what is wrong is said with its place', () => {
  it.each([
    ['', 'a rule "root"'],
    ['other ::= "a"', 'a rule "root"'],
    ['root ::= a', 'the name of a rule in line 1, column 10'],
    ['root ::= "a"\nroot ::= "b"', 'to be written once'],
    ['root = "a"', '::= behind the name of rule "root"'],
    ['root ::= "a', 'a quotation mark (") in line 1, column 12'],
    ['root ::= "\\q"', 'one of the escapes'],
    ['root ::= "\\xZZ"', 'in 2 hexadecimal digits'],
    ['root ::= "\\ud800"', 'in 4 hexadecimal digits'],
    ['root ::= "\\U00110000"', 'in 8 hexadecimal digits'],
    ['root ::= [a', 'a closing bracket'],
    ['root ::= []', 'at least one character'],
    ['root ::= [z-a]', 'ascending order'],
    ['root ::= ("a"', 'a closing parenthesis'],
    ['root ::= "a")', 'the end of the line'],
    ['root ::= *', 'something to repeat'],
    ['root ::= "a"{3,2}', 'ascending numbers'],
    ['root ::= "a"{x}', 'a repetition {m}'],
    ['root ::= "a"{99999999999}', 'ascending numbers'],
    ['root ::= <a b', 'a token'],
    ['root ::= !"a"', 'a token'],
    ['=', 'the name of a rule'],
    [`root ::= ${'('.repeat(5000)}`, 'nested at most 90 deep'],
    ['x'.repeat(2 ** 20 + 1), 'at most 1048576 characters'],
  ])('%.40s', (grammar, expected) => {
    expect(() => parseGbnf(grammar)).toThrow(
      expect.objectContaining({
        code: 'ERR_BITNET_GRAMMAR',
        message: expect.stringContaining(expected),
      }),
    );
  });
});

it.each([
  ['root ::= root "a" | "b"', 'left recursion'],
  ['root ::= a\na ::= b\nb ::= "x"? a | "y"', 'a → b → a'],
  ['root ::= ("a"*)*', 'what may be empty'],
  ['root ::= "a" root', 'ever ends'],
])('refuses %s', async (grammar, expected) => {
  await expect(byteGrammar(parseGbnf(grammar))).rejects.toMatchObject({
    code: 'ERR_BITNET_GRAMMAR',
    message: expect.stringContaining(expected),
  });
});

it('random texts are taken and refused as an independent matcher has it', async () => {
  let state = 7;
  const draw = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (const { grammar, texts } of Object.values(cases)) {
    const compiled = await byteGrammar(parseGbnf(grammar));
    const expected = gbnfMatcher(grammar);
    const letters = Array.from(texts.join(''));
    for (let n = 0; n < 150; n++) {
      const text = Array.from({ length: draw(7) }, () => letters[draw(letters.length)]).join('');
      expect([text, matches(compiled, text)]).toEqual([text, expected(text)]);
    }
  }
});
