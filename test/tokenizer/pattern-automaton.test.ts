import { describe, expect, it } from 'vitest';
import { PairTable } from '../../lib/tokenizer/pair-table.js';
import { SpecialTokens } from '../../lib/tokenizer/special-tokens.js';
import { StopStrings } from '../../lib/tokenizer/stop-strings.js';
import { countCalls } from '../fixtures/count-calls.js';
import { random } from '../fixtures/random.js';

const source = { path: 'vocabulary.gguf' };

function shardsOf(texts: readonly string[], text: string, control: boolean): (string | number)[] {
  const tokens = texts.map((token, id) => ({ id, text: token, control: id % 3 === 0 }));
  const parts: (string | number)[] = [];
  new SpecialTokens(tokens, source).split(text, control, (part) => parts.push(part));
  return parts;
}

/** Tries every token at every place. */
function naiveParts(texts: readonly string[], text: string, control: boolean) {
  const parts: (string | number)[] = [];
  let raw = '';
  for (let i = 0; i < text.length; ) {
    let best = -1;
    for (const [id, token] of texts.entries()) {
      if ((!control && id % 3 === 0) || !text.startsWith(token, i)) continue;
      if (best < 0 || token.length > texts[best]!.length) best = id;
    }
    if (best < 0) {
      raw += text[i++]!;
      continue;
    }
    if (raw !== '') parts.push(raw);
    raw = '';
    parts.push(best);
    i += texts[best]!.length;
  }
  if (raw !== '') parts.push(raw);
  return parts;
}

describe('Special tokens', () => {
  it('are the ones that trying each at each place finds, on random texts', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const next = random(seed);
      const word = (most: number) =>
        Array.from({ length: 1 + Math.floor(most * next()) }, () => 'aab'[Math.floor(3 * next())]);
      const texts = Array.from({ length: 1 + Math.floor(6 * next()) }, () => word(5).join(''));
      const text = word(60).join('');
      for (const control of [false, true]) {
        const found = shardsOf(texts, text, control);
        expect(found, `seed ${seed}`).toEqual(naiveParts(texts, text, control));
      }
    }
  });

  it('made to be slow take a few steps for each character of a text', () => {
    const texts = ['a', `${'a'.repeat(4000)}b`, `b${'a'.repeat(4000)}`, 'aab'.repeat(500)];
    const tokens = texts.map((text, id) => ({ id, text, control: true }));
    const specials = new SpecialTokens(tokens, source);
    for (const text of ['a'.repeat(2 ** 17), 'aab'.repeat(2 ** 15), 'ba'.repeat(2 ** 16)]) {
      let length = 0;
      const steps = countCalls(PairTable, 'get', () => {
        specials.split(text, true, (part) => {
          length += typeof part === 'string' ? part.length : texts[part]!.length;
        });
      });
      expect(length).toBe(text.length);
      expect(steps).toBeLessThanOrEqual(2 * text.length);
    }
  });
});

describe('Stop strings', () => {
  it('made to be slow take a few steps for each character, however many there are', () => {
    const strings = Array.from({ length: 1000 }, (_, i) => `${'a'.repeat(i % 60)}${i}x`);
    const stop = new StopStrings([`${'a'.repeat(1000)}b`, ...strings]);
    const text = 'a'.repeat(2 ** 17);
    let shown = '';
    const steps = countCalls(PairTable, 'get', () => {
      for (let i = 0; i < text.length; i += 4096) shown += stop.push(text.slice(i, i + 4096));
    });
    expect(shown + stop.flush()).toBe(text);
    expect(steps).toBeLessThanOrEqual(2 * text.length);
  });
});
