import { expect, it } from 'vitest';
import type { GrammarConstraint } from '../../lib/grammar/constraint.js';
import { prepareGrammar } from '../../lib/grammar/prepare.js';
import type { Tokenizer } from '../../lib/tokenizer/types.js';
import { toyBos, toyEos, toyTokenizer, toyVocab } from '../generate/toy.js';

/** Tokens above the toy's: words, which the tokenizer takes where they fit, the longest first. */
const words = ['"name"', '": "', '{"', 'true', 'tr', 'red', 'gr', '<think>'];

function wordTokenizer(): Tokenizer {
  const bytes = (id: number) =>
    id < toyVocab ? toyTokenizer().tokenBytes(id) : Buffer.from(words[id - toyVocab]!);
  const sorted = [...words].sort((a, b) => b.length - a.length);
  return toyTokenizer({
    vocabSize: toyVocab + words.length,
    controlTokens: new Map([['<s>', 258]]),
    tokenBytes: (id) => (words[id - toyVocab] === '<think>' ? new Uint8Array() : bytes(id)),
    encode: (text, { parseSpecial } = {}) => {
      const ids: number[] = [];
      for (let at = 0; at < text.length; ) {
        const word = sorted.find(
          (one) => text.startsWith(one, at) && (parseSpecial || one !== '<think>'),
        );
        if (word) ids.push(toyVocab + words.indexOf(word));
        else ids.push(...Buffer.from(text[at]!));
        at += word?.length ?? 1;
      }
      return ids;
    },
  });
}

async function begun(
  grammar: string,
  tokenizer = wordTokenizer(),
  vocabSize = tokenizer.vocabSize,
): Promise<GrammarConstraint> {
  return prepareGrammar({ grammar }, tokenizer)!.begin(vocabSize);
}

function allowed(constraint: GrammarConstraint): string[] {
  const mask = constraint.mask();
  const ids = Array.from({ length: mask.length * 32 }, (_, id) => id).filter(
    (id) => (mask[id >>> 5]! >>> (id & 31)) & 1,
  );
  for (let id = 0; id < toyVocab + words.length; id++) {
    expect([id, constraint.allows(id)]).toEqual([id, ids.includes(id)]);
  }
  return ids.map((id) =>
    id === toyEos ? 'end' : (words[id - toyVocab] ?? String.fromCharCode(id)),
  );
}

const id = (word: string) => toyVocab + words.indexOf(word);

it('a mask has every token that can begin what may come, and the end where the text may end', async () => {
  const constraint = await begun('root ::= ("red" | "green" | "true")*');
  expect(allowed(constraint)).toEqual(['g', 'r', 't', 'end', 'true', 'tr', 'red', 'gr']);
  expect([constraint.allowsEnd, constraint.mustEnd]).toEqual([true, false]);
  constraint.accept(id('tr'));
  expect(allowed(constraint)).toEqual(['u']);
  expect(constraint.allowsEnd).toBe(false);
});

it('a mask has bits for rows of the head that are no tokens, and they are 0', async () => {
  const constraint = await begun('root ::= [a-b]', wordTokenizer(), 1000);
  expect(constraint.mask().length).toBe(32);
  expect(allowed(constraint)).toEqual(['a', 'b']);
});

it('nothing but the end can follow a whole text', async () => {
  const constraint = await begun('root ::= "a"');
  constraint.accept(97);
  expect(allowed(constraint)).toEqual(['end']);
  expect([constraint.allowsEnd, constraint.mustEnd]).toEqual([true, true]);
  constraint.accept(toyEos);
});

it('control tokens are no text, and come where the grammar names them', async () => {
  expect(allowed(await begun('root ::= "<s>" | "<think>"'))).toEqual(['<']);
  expect(allowed(await begun('root ::= <think> "a" | <s> | <[65]>'))).toEqual([
    'A',
    'Ă',
    '<think>',
  ]);
  const other = await begun('root ::= !<think> "a"');
  expect(other.allows(id('<think>'))).toBe(false);
  expect(other.allows(toyBos)).toBe(true);
  expect(other.allows(toyEos)).toBe(false);
});

it.each([
  ['root ::= <nonsense>', 'is none'],
  ['root ::= <[99999]>', 'there are 267'],
  [`root ::= <[${toyEos}]>`, 'ends it'],
])('refuses %s', (grammar, expected) => {
  expect(() => prepareGrammar({ grammar }, wordTokenizer())).toThrow(
    expect.objectContaining({
      code: 'ERR_BITNET_GRAMMAR',
      message: expect.stringContaining(expected),
    }),
  );
});

it('the only text that can come is written as the tokenizer writes it, up to what may still become longer', async () => {
  const constraint = await begun('root ::= "{\\"name\\": \\"" [a-z]* "\\"}"');
  const forced = constraint.forced();
  expect(forced).toEqual([id('{"'), ...Buffer.from('name')]);
  for (const one of forced) {
    expect(allowed(constraint)).toEqual([words[one - toyVocab] ?? String.fromCharCode(one)]);
    constraint.accept(one);
  }
  expect(constraint.forced()).toEqual([]);
  expect(allowed(constraint)).toEqual(['"', '": "']);
});

it('a fork goes its own way, and keeps its masks', async () => {
  const constraint = await begun('root ::= "red" | "rad"');
  constraint.accept('r'.charCodeAt(0));
  const mask = constraint.mask();
  const before = [...mask];
  const copy = constraint.fork();
  copy.accept('a'.charCodeAt(0));
  copy.mask();
  expect([...mask]).toEqual(before);
  expect(allowed(constraint)).toEqual(['a', 'e']);
  expect(allowed(copy)).toEqual(['d']);
});

it('a grammar that the vocabulary cannot spell is an error, once it is there', async () => {
  const tokenizer = toyTokenizer({
    tokenBytes: (one) => (one < 128 ? Uint8Array.of(one) : new Uint8Array()),
  });
  const constraint = await begun('root ::= "é"', tokenizer);
  expect(() => constraint.mask()).toThrow(expect.objectContaining({ code: 'ERR_BITNET_GRAMMAR' }));
});

it('refuses a grammar and a schema together, and what is neither', () => {
  const tokenizer = toyTokenizer();
  const refused = (options: object, code: string) =>
    expect(() => prepareGrammar(options, tokenizer)).toThrow(expect.objectContaining({ code }));
  refused({ grammar: 'root ::= "a"', jsonSchema: true }, 'ERR_BITNET_ARGUMENT');
  refused({ grammar: 1 }, 'ERR_BITNET_ARGUMENT');
  refused({ jsonSchema: '{}' }, 'ERR_BITNET_ARGUMENT');
  refused({ jsonSchema: [] }, 'ERR_BITNET_ARGUMENT');
  refused({ jsonSchema: { anyOf: [{ $ref: '#' }] } }, 'ERR_BITNET_SCHEMA');
  refused(
    { jsonSchema: { $ref: '#/a', a: { properties: { x: { $ref: '#/a' } }, required: ['x'] } } },
    'ERR_BITNET_SCHEMA',
  );
  const circle: Record<string, unknown> = {};
  circle.items = circle;
  refused({ jsonSchema: circle }, 'ERR_BITNET_SCHEMA');
  expect(prepareGrammar({}, tokenizer)).toBeUndefined();
});
