import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseGbnf } from '../../../lib/grammar/gbnf/parse-gbnf.js';
import { grammarText } from '../../../lib/native.js';
import type { NativeGrammar } from '../../../lib/native-types.js';
import { random } from '../../fixtures/random.js';
import { type Draw, drawing } from '../../fuzz/draw.js';
import { gbnfMatcher } from '../gbnf-matcher.js';
import { byteGrammar, matches } from '../text-matcher.js';

// Grammars of others, which are not part of the project: BITNET_TEST_GBNF is a folder of .gbnf files, such as the folder
// `grammars` of llama.cpp. Texts of each, and the same with a fault, are what they are to an independent matcher too.

const folder = process.env.BITNET_TEST_GBNF;

describe.skipIf(folder === undefined)('grammars of a folder (BITNET_TEST_GBNF)', () => {
  const files =
    folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.gbnf'));
  it.each(files)('%s', async (file) => {
    const source = readFileSync(join(folder!, file), 'utf8');
    const grammar = await byteGrammar(parseGbnf(source));
    const expected = gbnfMatcher(source);
    const draw = drawing(random(3));
    const kinds = { whole: 0, begin: 0, none: 0 };
    for (let n = 0; n < 60; n++) {
      const text = walked(grammar, draw);
      for (const one of [text, withFault(text, draw)]) {
        const kind = expected(one);
        kinds[kind]++;
        expect([one, matches(grammar, one)]).toEqual([one, kind]);
      }
    }
    expect(kinds.none).toBeGreaterThan(0);
  });
});

function walked(grammar: NativeGrammar, draw: Draw): string {
  const at = grammarText(grammar);
  const mask = new Uint32Array(9);
  const bytes: number[] = [];
  while (bytes.length < 120) {
    at.allowed(mask);
    const allowed = Array.from({ length: 257 }, (_, id) => id).filter(
      (id) => (mask[id >>> 5]! >>> (id & 31)) & 1,
    );
    const id = allowed.includes(256) && draw.chance(0.3) ? 256 : draw.of(allowed);
    if (id === 256) break;
    at.append(id);
    bytes.push(id);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes), { stream: true });
}

function withFault(text: string, draw: Draw): string {
  const characters = Array.from(text);
  const at = draw.integer(0, characters.length);
  const other = draw.of([...characters, 'x', '"', '\n', ')', ' ', '0']);
  characters.splice(at, draw.integer(0, 2), ...(draw.chance(0.7) ? [other] : []));
  return characters.join('');
}
