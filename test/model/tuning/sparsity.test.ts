import { describe, expect, test } from 'vitest';
import { measureSparsity } from '../../../lib/index.js';
import { modelLoader } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../../fixtures/tiny-model.js';

const temp = tempFolder();
const load = modelLoader();

async function measured(options: TinyOptions, text: string, skipInactive = true) {
  const path = temp(`${JSON.stringify(options).replaceAll(/\W/g, '')}.gguf`);
  await tinyModel(options).write(path);
  return measureSparsity(await load(path, { skipInactive }), text);
}

describe('measureSparsity', () => {
  test('counts the same zeros however weights are held, in every layer', async () => {
    const sparsity = await measured({ nLayer: 3 }, 'some text');
    expect(sparsity.layers).toHaveLength(3);
    expect(await measured({ nLayer: 3 }, 'some text', false)).toEqual(sparsity);
    const dense = await measured(
      { nLayer: 3, weightType: 'F32', ternaryValues: true },
      'some text',
    );
    for (const [i, { inactiveNeurons, zeroInputs }] of sparsity.layers.entries()) {
      expect(inactiveNeurons).toBeGreaterThan(0.3);
      expect(inactiveNeurons).toBeLessThan(0.7); // random weights know no preference
      expect(zeroInputs).toBeGreaterThanOrEqual(inactiveNeurons); // small activations round to zero too
      // Nothing is rounded in floats: zeros come from inactive neurons alone.
      expect(dense.layers[i]!.zeroInputs).toBeCloseTo(dense.layers[i]!.inactiveNeurons, 6);
    }
    const mean = sparsity.layers.reduce((sum, layer) => sum + layer.inactiveNeurons / 3, 0);
    expect(sparsity.mean.inactiveNeurons).toBeCloseTo(mean, 12);
  });

  test('evaluates as much of the text as the context holds', async () => {
    const { tokens, left } = await measured({ contextLength: 32 }, 'a b c d '.repeat(20));
    expect(tokens).toBe(32);
    expect(left).toBeGreaterThan(32);
  });

  test('refuses what is no text', async () => {
    const model = await load();
    const error = { code: 'ERR_BITNET_ARGUMENT' };
    await expect(measureSparsity(model, 5 as unknown as string)).rejects.toMatchObject(error);
    model.close();
    await expect(measureSparsity(model, 'x')).rejects.toMatchObject({ code: 'ERR_BITNET_CLOSED' });
  });
});
