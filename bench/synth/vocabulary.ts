import type { GgufTyped } from '../../lib/gguf/writer.js';

const normal = 1;
const control = 3;
const unused = 5;

/**
 * Metadata of a byte-level vocabulary padded to `vocabSize` entries: token b is byte b, then one merge (other engines refuse an empty
 * list), unused entries, and the begin and end tokens last.
 */
export function byteVocabulary(vocabSize: number): [string, GgufTyped][] {
  const letters = byteLetters();
  const merged = `${letters[0x20]}${letters[0x74]}`; // " t"
  const begin = vocabSize - 2;
  const end = vocabSize - 1;
  const tokens = Array.from({ length: vocabSize }, (_, id) => letters[id] ?? `<unused_${id}>`);
  const kinds: number[] = tokens.map((_, id) => (id <= letters.length ? normal : unused));
  tokens[letters.length] = merged;
  tokens[begin] = '<|begin_of_text|>';
  tokens[end] = '<|end_of_text|>';
  kinds[begin] = control;
  kinds[end] = control;
  return [
    ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
    ['tokenizer.ggml.tokens', { type: 'array', elementType: 'string', values: tokens }],
    ['tokenizer.ggml.token_type', { type: 'array', elementType: 'i32', values: kinds }],
    [
      'tokenizer.ggml.merges',
      { type: 'array', elementType: 'string', values: [`${letters[0x20]} ${letters[0x74]}`] },
    ],
    ['tokenizer.ggml.bos_token_id', { type: 'u32', value: begin }],
    ['tokenizer.ggml.eos_token_id', { type: 'u32', value: end }],
    ['tokenizer.ggml.padding_token_id', { type: 'u32', value: end }],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
  ];
}

/** The letter that stands for each byte: visible Latin-1 itself, the other 68 from U+0100 on. */
function byteLetters(): string[] {
  let hidden = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible =
      (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    return String.fromCharCode(visible ? byte : hidden++);
  });
}
