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

  test('counts of the experts those that a token uses', async () => {
    const options = { arch: 'maple', nLayer: 1, ffnDim: 64, experts: [8, 2] } as const;
    await tinyModel(options).write(file('experts.gguf'));
    const model = await loadModel(file('experts.gguf'));
    const { memory, plan, spec } = model;
    model.close();
    const experts = plan.filter((tensor) => tensor.experts === 8);
    expect(experts.map(({ rows, cols }) => [rows, cols])).toEqual([
      [64, 256],
      [64, 256],
      [256, 64],
    ]);
    const unused = experts.reduce((sum, { bytes }) => sum + bytes * (6 / 8), 0);
    const output = spec.tensors.find(({ role }) => role === 'output')!;
    const kv = 2 * spec.nKvHead * spec.headDim * 2;
    expect(bytesPerToken(spec, plan, 1)).toBe(
      memory.ternary - unused + memory.dense + memory.norms + output.bytes + kv,
    );
    expect(memory.dense).toBe(8 * 256 * 4); // the router, as stored
    expect(ternaryMacsPerToken(spec)).toBe(4 * 256 * 256 + 2 * 3 * 64 * 256);
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
