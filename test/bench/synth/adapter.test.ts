import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { synthesizeAdapter } from '../../../bench/synth/adapter.js';
import { synthesize } from '../../../bench/synth/synth.js';
import { modelLoader } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const file = tempFolder();
const load = modelLoader();
const small = { shape: '700m', layers: 1 } as const;

it('a synthetic adapter fits a synthetic model of the same shape, in either type', async () => {
  await synthesize(file('model.gguf'), small);
  const model = await load(file('model.gguf'));
  for (const [type, bytes] of [
    ['f16', 2],
    ['f32', 4],
  ] as const) {
    const path = file(`${type}.gguf`);
    const result = await synthesizeAdapter(path, { ...small, rank: 4, type, seed: 2 });
    expect(result).toEqual({ path, bytes: statSync(path).size, rank: 4, layers: 1 });
    const parameters = 4 * (4 * 2 * 1536 + 3 * (1536 + 4096));
    expect(result.bytes - bytes * parameters).toBeLessThan(4096);
    const adapter = await model.loadAdapter(path);
    const logits = async (adapters: { adapter: typeof adapter }[]) =>
      model.createSession({ adapters }).evaluate([1, 2]);
    const [plain, adapted] = [await logits([]), await logits([{ adapter }])];
    expect(adapted).not.toEqual(plain);
    expect(adapted.every(Number.isFinite)).toBe(true);
  }
});

it('a rank or shape that is none is refused', async () => {
  for (const wrong of [{ rank: 0 }, { rank: 1.5 }, { rank: 4, shape: 'none' }]) {
    const failed = synthesizeAdapter(file('wrong.gguf'), { ...small, ...wrong } as never);
    await expect(failed).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
  }
});
