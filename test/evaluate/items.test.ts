import { describe, expect, it } from 'vitest';
import { checkedItems, lastWordStart } from '../../lib/evaluate/items.js';
import { parseEvalItems } from '../../lib/index.js';

const good = '{"question":"a","choices":["b","c"],"label":1}';

describe('parseEvalItems', () => {
  it('reads choices or texts, and ignores other fields and empty lines', () => {
    const item = { question: 'a', choices: ['b', 'c'], label: 1 };
    expect(parseEvalItems(`\n${good}\r\n  \n{"id":7,${good.slice(1)}`)).toEqual([item, item]);
    expect(parseEvalItems('{"text":"one two","label":null}\n')).toEqual([{ text: 'one two' }]);
  });

  it('ignores a byte order mark, as editors on Windows write it', () => {
    expect(parseEvalItems('\ufeff{"text":"one two"}')).toEqual([{ text: 'one two' }]);
    expect(() => parseEvalItems('\n\ufeff{"text":"one two"}')).toThrow('on line 2');
  });

  it('takes a hole among choices as what is no text', () => {
    const item = { question: 'a', choices: new Array<string>(3), label: 0 };
    expect(() => checkedItems([item], 1)).toThrow(
      /^Expected 2 to 1000 texts.*items\[0\], but it has an array of length 3;/,
    );
  });

  const bad: [string, RegExp][] = [
    ['{"question":', /^Expected a JSON object on line 2, but it is not JSON \(.+\); correct or/],
    ['[]', /^Expected an object on line 2, but it is an array of length 0;/],
    ['null', /^Expected an object on line 2, but it is null;/],
    ['{"choices":["b","c"],"label":1}', /^Expected a text as question on line 2, but it has undef/],
    ['{"question":"a","label":1}', /^Expected 2 to 1000 texts.* on line 2, but it has undefined;/],
    ['{"question":"a","choices":["b"," "],"label":1}', /none of them empty.*an array of length 2;/],
    ['{"question":"a","choices":["b",3],"label":1}', /as choices on line 2/],
    ['{"question":"a","choices":["b","c"],"label":2}', /from 0 to 1 as label on line 2.* has 2;/],
    ['{"question":"a","choices":["b","c"],"label":"1"}', /as label on line 2, but it has "1";/],
    [
      '{"text":"one two"}',
      /^Expected \{ question, choices, label \} like what came before on line 2/,
    ],
    [
      '{"text":"one"}',
      /^Expected a text of at least two words on line 2, but it has "one" as text;/,
    ],
  ];
  it.each(bad)('refuses the line %s', (line, message) => {
    const parse = () => parseEvalItems(`${good}\n${line}\n${good}`);
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'ERR_BITNET_FILE', line: 2 }));
  });

  it('finds the last word of a text with a hundred thousand spaces in a row', () => {
    // An expression that tries each space as the first took a minute for this.
    const spaces = ' '.repeat(100_000);
    const text = `one two${spaces}three${spaces}`;
    expect(parseEvalItems(JSON.stringify({ text }))).toEqual([{ text }]);
    expect(lastWordStart(text)).toBe(7);
    expect(lastWordStart('one\u00a0 \n')).toBe(0);
    expect(lastWordStart(' one')).toBe(0);
    expect(lastWordStart(`a${spaces}`)).toBe(0);
    expect(lastWordStart('a\u2003b')).toBe(1);
  });

  it('refuses a file without items', () => {
    expect(() => parseEvalItems('\n\n')).toThrow(/^Expected at least one line of/);
  });
});
