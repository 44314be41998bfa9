import { expect, it } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { convertedMade, sizes, tensor, trits } from './made-checkpoint.js';

const temp = tempFolder();
const { dim, vocab } = sizes;

const subNorms = {
  'model.layers.0.self_attn.attn_sub_norm.weight': tensor('F16', [dim], () => 1),
  'model.layers.0.mlp.ffn_sub_norm.weight': tensor('F16', [dim], () => 1),
};

async function warnings(name: string, parts: Parameters<typeof convertedMade>[1]) {
  const { decisions } = await convertedMade(temp(name), parts);
  return decisions.filter(({ warning }) => warning).map(({ choice }) => choice);
}

it('A BitNet model whose layers are not ternary is warned of', async () => {
  const bitnet = { config: { model_type: 'bitnet' }, tensors: subNorms };
  const weight = (i: number) => (i % 7) / 16;
  expect(await warnings('dense', { ...bitnet, weight })).toEqual(['7 layers not ternary']);
  expect(await warnings('ternary', { ...bitnet, weight: trits(1, () => 0.5) })).toEqual([]);
  expect(await warnings('llama', { weight })).toEqual([]);
});

it('A head that is left out is warned of where it is not the embedding', async () => {
  const head = (value: (i: number) => number) => ({
    tensors: { 'lm_head.weight': tensor('F16', [vocab, dim], value) },
  });
  const same = (i: number) => (i % 97) / 64 - 0.75;
  expect(await warnings('tied', head(same))).toEqual([]);
  expect(
    await warnings(
      'other',
      head((i) => same(i + 1)),
    ),
  ).toEqual(['the embedding']);
});
