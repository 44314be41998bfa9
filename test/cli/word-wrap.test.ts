import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { WordWrap, wrapped as wrappedText } from '../../bin/word-wrap.mjs';

/** A text as it is shown when it comes in pieces of so many characters. */
function wrapped(text: string, columns: number, piece: number): string {
  const wrap = new WordWrap(() => columns, stringWidth);
  let shown = '';
  for (let i = 0; i < text.length; i += piece) shown += wrap.push(text.slice(i, i + piece));
  return shown + wrap.end();
}

describe('long lines', () => {
  test.each<[string, string, number, string]>([
    ['break between words', 'one two three', 8, 'one two\nthree'],
    ['may be full', 'one two three', 7, 'one two\nthree'],
    ['keep their own breaks', 'one\ntwo three', 8, 'one\ntwo\nthree'],
    ['keep spaces inside of them', '  a   b', 8, '  a   b'],
    ['keep words that fit no line', 'a bbbbbbbbbbbb c d e', 6, 'a bbbbbbbbbbbb c d\ne'],
    ['count wide characters', '日本 日本', 6, '日本\n日本'],
    ['break between ideographs', '日本語日本語', 8, '日本語日\n本語'],
    ['but not before what closes', '日本語日。本語', 8, '日本語\n日。本語'],
    ['nor after what opens', '日本語「日本」', 8, '日本語\n「日本」'],
    ['count an emoji of several code points once', 'ab 👩‍👩‍👧 cd', 5, 'ab 👩‍👩‍👧\ncd'],
    ['count tabs', 'a\tb c', 10, 'a\tb\nc'],
    ['keep spaces that do not break', 'a\u00a0b\u00a0c d', 6, 'a\u00a0b\u00a0c\nd'],
    ['of code stay whole', '```\na b c d e\n```\na b c', 5, '```\na b c d e\n```\na b c'],
  ])('%s', (_, text, columns, expected) => {
    for (const piece of [1, 2, 3, 100]) {
      if (text.includes('👩') && piece < 3) continue; // halves of a character never come
      expect(wrapped(text, columns, piece)).toBe(expected);
    }
  });

  test('are not waited for when a word fits no line', () => {
    const wrap = new WordWrap(() => 8);
    expect([...'a bbbbbbbbbb c d'].map((piece) => wrap.push(piece)).join('')).toBe(
      'a bbbbbbbbbb c',
    );
  });

  test('of the next text begin at the first column, outside of any code', () => {
    const wrap = new WordWrap(() => 8);
    const texts = ['one two', 'three f', '```\na b c', 'four five', 'x'.repeat(12), 'and six'];
    const shown = texts.map((text) => wrap.push(text) + wrap.end());
    expect(shown).toEqual([...texts.slice(0, 3), 'four\nfive', ...texts.slice(4)]);
  });

  test('go on behind a beginning that is shown, whose last word stays whole', () => {
    const wrap = new WordWrap(() => 8);
    const shown = [wrap.pushWhole('one two th'), wrap.push('ree four'), wrap.end()];
    expect(shown).toEqual(['one two\nth', 'ree', '\nfour']);
    const full = new WordWrap(() => 8); // where the terminal breaks a word
    expect(full.pushWhole('one two') + full.push('some four ')).toBe('one twosome four');
  });

  test('stand under each other behind a head, where there is room', () => {
    expect(wrappedText('one two three', 12, 'ok  ')).toBe('ok  one two\n    three');
    expect(wrappedText('one two three', 11, 'ok  ')).toBe('ok  one two\nthree');
    expect(wrappedText('one two three', Number.POSITIVE_INFINITY, 'ok  ')).toBe(
      'ok  one two three',
    );
  });

  test('follow a terminal whose width changes', () => {
    let columns = 20;
    const wrap = new WordWrap(() => columns);
    let shown = wrap.push('one two three four ');
    columns = 8;
    shown += wrap.push('five six') + wrap.end();
    expect(shown).toBe('one two three four\nfive six');
  });
});
