import type { GgufTyped } from '../../lib/gguf/writer.js';
import type { TinyModel } from '../fixtures/tiny-model.js';
import { awkwardIntegers, awkwardNumbers, awkwardTexts, type Draw } from './draw.js';

type List = (string | Uint8Array | number | bigint | boolean)[];

/** Changes the tokenizer; returns what it did. */
export function mutateVocabulary(model: TinyModel, draw: Draw): string {
  const { metadata } = model;
  const key = (name: string) => `tokenizer.ggml.${name}`;
  const edit = (name: string, change: (values: List) => string) => {
    const old = metadata.get(key(name));
    if (old?.type !== 'array') return `${name} is no array`;
    const values = [...old.values];
    const done = change(values);
    metadata.set(key(name), { ...old, values });
    return `${name}: ${done}`;
  };
  const text = (name: string, choices: readonly string[]) => {
    const value = draw.of(choices);
    metadata.set(key(name), { type: 'string', value });
    return `${name} = ${value}`;
  };
  return draw
    .weighted([
      { weight: 4, mutate: () => edit('tokens', (values) => renameTokens(values, draw)) },
      {
        weight: 3,
        mutate: () => edit('token_type', (values) => replaceSome(values, kinds, draw)),
      },
      { weight: 1, mutate: () => edit('merges', (values) => changeMerges(values, draw)) },
      { weight: 1, mutate: () => edit('tokens', (values) => resize(values, draw)) },
      { weight: 2, mutate: () => text('pre', preTokenizers) },
      {
        weight: 2,
        mutate: () => {
          const tokens = metadata.get(key('tokens'));
          const count = tokens?.type === 'array' ? [...tokens.values].length : 0;
          const finite = awkwardNumbers.filter(Number.isFinite);
          const choices = draw.chance(0.8) ? finite : awkwardNumbers;
          const values = Array.from({ length: count }, () => draw.of(choices));
          const scores: GgufTyped = { type: 'array', elementType: 'f32', values };
          metadata.set(key('scores'), scores);
          metadata.set(key('model'), { type: 'string', value: draw.of(['llama', 'gpt2', 'gpt2']) });
          return `${count} awkward scores`;
        },
      },
      { weight: 1, mutate: () => text('model', ['gpt2', 'gpt2', 'llama', 'bert', 'none']) },
    ])
    .mutate();
}

const kinds = [0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7];
const preTokenizers = ['default', 'llama-bpe', 'qwen2', 'falcon3', 'gpt-2', 'deepseek-llm'];

function renameTokens(values: List, draw: Draw): string {
  const names = [...awkwardTexts, '<|x|>', 'aaaa', '<0x41>', '<0xZZ>', '▁', 'Ġ', String(values[0])];
  return replaceSome(values, [...names, Buffer.from([0xff, 0xfe]), Buffer.from([0xc3])], draw);
}

function replaceSome(values: List, choices: List, draw: Draw): string {
  const places = Array.from({ length: draw.integer(1, 20) }, () =>
    draw.integer(0, values.length - 1),
  );
  for (const at of places) values[at] = draw.of(choices);
  return `${places.length} replaced`;
}

function changeMerges(values: List, draw: Draw): string {
  const wrong = [
    'a b',
    'a a',
    'zz zz',
    '\0 a',
    '▁ a',
    'Ġ Ġ',
    'aa aa',
    draw.of(['', ' ', 'a', 'a b c']),
  ];
  const at = draw.integer(0, values.length);
  values.splice(at, draw.integer(0, 1), draw.of(wrong), draw.of(wrong));
  return `wrong merges at ${at}`;
}

function resize(values: List, draw: Draw): string {
  const length = draw.of([...awkwardIntegers.filter((n) => n < 5000), values.length + 1]);
  while (values.length < length) values.push(`<more_${values.length}>`);
  values.length = length;
  return `${length} entries`;
}
