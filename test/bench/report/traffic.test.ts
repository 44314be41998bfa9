import { describe, expect, test } from 'vitest';
import { bytesPerToken, ternaryMacsPerToken } from '../../../bench/report/traffic.js';
import { loadModel } from '../../../lib/index.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const file = tempFolder();

describe('bytesPerToken', () => {
  test('is layers, head, norms and the mean of the KV cache', async () => {
    const model = await loadModel();
    const { memory, plan, spec } = model;
    model.close();
    // Two norms of dim 256 and sub-norms of 256 and 768 in six layers, one more at the end, as f32.
    expect(memory.norms).toBe(4 * (6 * (3 * 256 + 768) + 256));
    // f16 keys and values of six layers with two KV heads of 64; ten tokens see 1 to 10 positions.
    const kv = 6 * 2 * 2 * 64 * 2 * 5.5;
    const head = 4096 * 256 * 2;
    expect(bytesPerToken(spec, plan, 10)).toBe(memory.ternary + head + memory.norms + kv);
    const before = 100 * 6 * 2 * 2 * 64 * 2;
    expect(bytesPerToken(spec, plan, 10, 100)).toBe(bytesPerToken(spec, plan, 10) + before);
    // Four square and four grouped attention matrices' rows, three of the network.
    expect(ternaryMacsPerToken(spec)).toBe(6 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 256 * 768));
  });

  test('leaves out an embedding that is not the head', async () => {
    await tinyModel({ arch: 'llama', tied: false }).write(file('untied.gguf'));
    const model = await loadModel(file('untied.gguf'));
    const { memory, plan, spec } = model;
    model.close();
    const output = spec.tensors.find(({ role }) => role === 'output')!;
    const kv = spec.nLayer * 2 * spec.nKvHead * Math.ceil(spec.headDim / 16) * 16 * 2;
    expect(bytesPerToken(spec, plan, 1)).toBe(
      memory.ternary + memory.dense + memory.norms + output.bytes + kv,
    );
  });
});
