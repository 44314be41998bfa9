import { describe, expect, test } from 'vitest';
import { markup } from '../../../bench/html/markup.js';
import { elementsOf } from './elements.js';

describe('markup', () => {
  test('escapes texts and attributes, and nothing twice', () => {
    const hostile = `</p><script>alert("&amp;")</script>'`;
    const inner = markup`<p title="${hostile}">${hostile}</p>`;
    expect(`${inner}`).toBe(
      '<p title="&lt;/p&gt;&lt;script&gt;alert(&quot;&amp;amp;&quot;)&lt;/script&gt;&#39;">' +
        '&lt;/p&gt;&lt;script&gt;alert(&quot;&amp;amp;&quot;)&lt;/script&gt;&#39;</p>',
    );
    const [outer, p] = elementsOf(`${markup`<div>${[inner, 'a<b']}${1.5}</div>`}`);
    expect(outer).toMatchObject({ name: 'div', text: 'a<b1.5' });
    expect(p).toEqual({ name: 'p', attributes: { title: hostile }, text: hostile });
  });

  test.each([
    ['NUL', 'a\0b'],
    ['an escape sequence', 'a\x1bb'],
    ['half a character', 'a\ud800b'],
    ['a change of direction', 'a\u202eb'],
    ['no character', 'a\ufffeb'],
  ])('replaces %s', (_, text) => {
    expect(`${markup`${text}`}`).toBe('a\ufffdb');
  });

  test('leaves line ends, tabs and whole characters', () => {
    expect(`${markup`${'a\n\tß😀'}`}`).toBe('a\n\tß😀');
  });
});

describe('the check of pages', () => {
  test.each([
    ['<p>a</b>', '</b> ends <p>'],
    ['<p>', '<p> does not end'],
    ['<p>a & b</p>', 'unknown entity'],
    ['<p>&nbsp;</p>', 'unknown entity'],
    ['<p a="1" a="2"/>', 'an attribute twice'],
    ['<p a=1/>', 'no XML'],
    ['<p>a < b</p>', 'no XML'],
    ['<p>a\x1b</p>', 'a control character'],
  ])('refuses %s', (page, message) => {
    expect(() => elementsOf(page)).toThrow(message);
  });
});
