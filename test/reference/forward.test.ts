import { describe, expect, it } from 'vitest';
import { difference } from './difference.js';
import { engineRounding, type Rounding, referenceLogits } from './forward.js';
import { goldenIds, goldenLogits, goldenPath } from './golden-files.js';
import { referenceModel } from './weights.js';

const variants: [string, Rounding][] = [
  ['none', {}],
  ['none-kv16', { halfKeysAndValues: true }],
  ['tok8', { int8Activations: true }],
  ['tok8-kv16', engineRounding],
];

describe('the reference repeats the independent float64 logits', () => {
  const models: [string, string][] = [
    ['tiny-b158', 'tiny-b158-i2s'],
    ['tiny-bitnet', 'tiny-bitnet-i2s'],
    ['mix-b158', 'mix/mix-b158-i2s'],
    ['mix-llama', 'mix/mix-llama-i2s'],
  ];
  it.each(models)('of %s, for every choice of rounding points', async (model, file) => {
    const reference = await referenceModel(goldenPath(`${file}.gguf`));
    for (const [variant, rounding] of variants) {
      const rows = referenceLogits(reference, goldenIds(model), rounding);
      const actual = rows.flatMap((row) => [...row]);
      // The files hold f32: half a unit in their last place is all that may differ.
      const { max } = difference(actual, goldenLogits('numpy', model, variant));
      expect(max, variant).toBeLessThan(1e-7);
    }
  });
});
