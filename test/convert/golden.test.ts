import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ConvertOptions, convertCheckpoint } from '../../lib/convert/convert.js';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { difference } from '../reference/difference.js';
import {
  checkNumbers,
  checkTrits,
  expectedOf,
  folderOf,
  folders,
  tensorOf,
} from './golden-checkpoints.js';

const temp = tempFolder();
const load = modelLoader();

async function converted(name: string, options?: ConvertOptions): Promise<GgufFile> {
  const path = temp(`${name}-${options?.type ?? 'auto'}.gguf`);
  await convertCheckpoint(folderOf(name), path, { ...options, overwrite: true });
  return readGguf(path);
}

describe('a checkpoint converted', () => {
  it.each(folders)(
    '%s has the types %s, trits, scales and numbers of expected.json',
    async (name, types) => {
      const { tensors, arch, tied, hyperparameters } = expectedOf(name);
      const file = await converted(name);
      const used = new Set<string>();
      for (const [tensorName, tensor] of Object.entries(tensors)) {
        const found = tensorOf(file, tensorName);
        if (/blk.*weight/.test(tensorName)) used.add(found.type);
        if (tensor.trits_sha256 === undefined) checkNumbers(found, tensor);
        else checkTrits(found, tensor);
      }
      expect([...used].sort().join(' ')).toBe(types);
      expect(file.metadata.get('general.architecture')).toBe(arch);
      expect(file.tensors.some((tensor) => tensor.name === 'output.weight')).toBe(!tied);
      for (const [key, value] of Object.entries(hyperparameters)) {
        if (key === 'head_dim' || key === 'activation') continue;
        const stated = file.metadata.get(`${arch}.${key}`);
        expect([key, stated]).toEqual([
          key,
          typeof value === 'number' && !Number.isInteger(value) ? Math.fround(value) : value,
        ]);
      }
    },
  );

  it.each(folders)('%s gives the logits of expected.json', async (name) => {
    const { logits, hyperparameters } = expectedOf(name);
    const model = await load((await converted(name)).path);
    expect(model.spec.activation).toBe(hyperparameters.activation);
    expect(model.spec.headDim).toBe(hyperparameters.head_dim);
    const ids = readFileSync(join(folderOf(name), 'tokens.txt'), 'utf8')
      .trim()
      .split(/\s+/);
    const [rule, file] = Object.entries(logits)[0]!;
    const bytes = readFileSync(join(folderOf(name), file));
    const expected = new Float32Array(new Uint8Array(bytes).buffer);
    const actual = await allLogits(model, ids.map(Number));
    expect(difference(actual, expected).rms).toBeLessThan(rule === 'tok8-kv16' ? 1e-5 : 1e-4);
  });
});
