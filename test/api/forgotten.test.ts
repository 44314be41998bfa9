import { describe, expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { manyTokens } from './tiny.js';

const load = modelLoader();
const path = tempFolder()('wide.gguf');

describe('sessions that are forgotten, not closed', () => {
  // Nobody asks for a collection here: V8 must have been told of the memory that hangs on its
  // objects, which are small.
  it('are collected when their keys and values take much memory', async () => {
    const shape = { nLayer: 2, dim: 64, ffnDim: 64, nHead: 64, headDim: 256, contextLength: 64 };
    await tinyModel(shape).write(path);
    const model = await load(path);
    const tokens = manyTokens(64, 320);
    const before = process.memoryUsage.rss();
    let most = 0;
    let bytes = 0;
    for (let i = 0; i < 50; i++) {
      const session = model.createSession();
      await session.evaluate(tokens, { logits: 'none' });
      bytes += session.position * session.bytesPerToken;
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    expect(bytes).toBe(50 * 8 * 2 ** 20);
    expect(most).toBeLessThan(bytes / 2);
  });
});
