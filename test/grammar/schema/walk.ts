import { encodeRules } from '../../../lib/grammar/encode-rules.js';
import { type JsonSchema, rulesOfSchema } from '../../../lib/grammar/schema/rules-of-schema.js';
import { buildVocabulary, checkGrammar, compileGrammar, grammarText } from '../../../lib/native.js';
import type { NativeGrammar } from '../../../lib/native-types.js';
import type { Draw } from '../../fuzz/draw.js';

/** Pieces of JSON, as a vocabulary has them, before all bytes; the last token ends the text. */
const pieces = [
  ...[
    '{"',
    '"}',
    '":',
    '": ',
    '", "',
    '",',
    ' "',
    '[]',
    '{}',
    '[[',
    ']]',
    '],',
    '},',
    ',"',
    '\n  ',
    '  ',
  ],
  ...[
    'true',
    'false',
    'null',
    'tr',
    'ab',
    'abc',
    'name',
    'kind',
    'circle',
    'é',
    '\\"',
    '\\\\',
    '\\n',
    'x-',
  ],
  ...[
    '0.',
    '12',
    '123',
    '-1',
    '00',
    '99',
    '1.5',
    'e+',
    '2026-',
    '-01',
    ':00',
    '://',
    '.com',
    '@a.',
    '::',
  ],
].map((piece) => Buffer.from(piece));
const tokens = [...pieces, ...Array.from({ length: 256 }, (_, byte) => Buffer.of(byte))];
const end = tokens.length;

/** How often a token is drawn: what closes often, so that texts end. */
const weights = [...tokens, ''].map((token, id) => {
  if (id === end) return 30;
  const text = token.toString('latin1');
  if (/^[\s]+$/.test(text)) return 0.2;
  return /["}\]]$/.test(text) ? 12 : 1;
});

let vocabulary: ReturnType<typeof buildVocabulary> | undefined;

export async function schemaGrammar(schema: JsonSchema): Promise<NativeGrammar> {
  vocabulary ??= buildVocabulary({
    bytes: Buffer.concat(tokens),
    offsets: Uint32Array.from([0, ...tokens, 0].keys(), (i) =>
      tokens.slice(0, i).reduce((sum, { length }) => sum + length, 0),
    ),
    ends: Int32Array.of(end),
  });
  const rules = encodeRules(rulesOfSchema(schema), () => 0);
  checkGrammar(end + 1, rules);
  return compileGrammar(await vocabulary, rules);
}

/** A text of random tokens that the grammar allows; undefined where it did not end in so many. */
export function randomText(
  grammar: NativeGrammar,
  draw: Draw,
  maxTokens = 3000,
): string | undefined {
  const at = grammarText(grammar);
  const mask = new Uint32Array(Math.ceil((end + 1) / 32));
  const text: Buffer[] = [];
  while (text.length < maxTokens) {
    at.allowed(mask);
    const allowed = weights.flatMap((_, id) => ((mask[id >>> 5]! >>> (id & 31)) & 1 ? [id] : []));
    if (allowed.length === 0) throw new Error(`Nothing can follow ${Buffer.concat(text)}`);
    const id = drawn(allowed, draw);
    if (id === end) return Buffer.concat(text).toString();
    if (!at.append(id)) throw new Error(`The mask has token ${id} behind ${Buffer.concat(text)}`);
    text.push(tokens[id]!);
  }
  return undefined;
}

function drawn(allowed: readonly number[], draw: Draw): number {
  const total = allowed.reduce((sum, id) => sum + weights[id]!, 0);
  let left = (draw.integer(0, 2 ** 30) / 2 ** 30) * total;
  for (const id of allowed) {
    left -= weights[id]!;
    if (left < 0) return id;
  }
  return allowed.at(-1)!;
}
