import { copyFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { loadModel } from '../../lib/index.js';
import { modelSpec } from '../../lib/model/spec.js';
import { loadNativeModel } from '../../lib/native.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { writeLargeModel } from './large-model.js';
import { rejection } from './tiny.js';

const temp = tempFolder();
const original = temp('original.gguf');
const path = temp('model.gguf');
beforeAll(() => tinyModel().write(original));

/** Reads the header, lets something happen to the file, then loads the weights. */
async function loadAfter(change: () => void) {
  copyFileSync(original, path);
  const spec = modelSpec(await readGguf(path));
  change();
  const control = new Int32Array(2);
  return loadNativeModel(path, spec, { threads: 2, kernel: '', control });
}

describe('a file that changes between its header and its weights', () => {
  it('is refused when it is gone', async () => {
    const error = await rejection(loadAfter(() => rmSync(path)));
    const message = `Could not open "${path}": No such file or directory.`;
    expect(error).toMatchObject({ code: 'ERR_BITNET_FILE', message });
  });

  it.each([0, 1, 0.3, 0.7, 0.999])('is refused when it is cut to %d of its size', async (part) => {
    const cut = () => truncateSync(path, part === 1 ? 1 : Math.floor(statSync(path).size * part));
    const error = await rejection(loadAfter(cut));
    expect(error).toMatchObject({ code: 'ERR_BITNET_FILE' });
    expect((error as Error).message).toMatch(
      /^Expected \d+ more bytes at offset \d+ of ".*", but the file ends before: it was cut short/,
    );
  });

  it('does no harm when it is another file', async () => {
    writeFileSync(temp('noise'), Buffer.alloc(statSync(original).size, 0xff));
    const loading = loadAfter(() => renameSync(temp('noise'), path));
    expect(await rejection(loading)).toMatchObject({ code: 'ERR_BITNET_MODEL' });
  });
});

describe('a file that changes while its weights are read', () => {
  const large = temp('large.gguf');

  it.each([1, 10, 50, 150])('is refused or read when it is cut after %d ms', async (delay) => {
    await writeLargeModel(large);
    const size = statSync(large).size;
    const loading = loadModel(large).then(
      (model) => model.close(),
      (error) => {
        expect(error).toMatchObject({ code: expect.stringMatching(/ERR_BITNET_(FILE|GGUF)/) });
      },
    );
    await new Promise((resolve) => setTimeout(resolve, delay));
    truncateSync(large, size / 2);
    await loading;
  });
});

describe('a file that is gone after it was loaded', () => {
  it('is not missed', async () => {
    copyFileSync(original, path);
    const model = await loadModel(path);
    const session = model.createSession();
    const before = await session.evaluate([1, 2, 3]);
    truncateSync(path, 0);
    rmSync(path);
    session.reset();
    expect(await session.evaluate([1, 2, 3])).toEqual(before);
    expect(
      (await model.createSession().complete('Hi', { maxTokens: 4 })).ids.length,
    ).toBeGreaterThan(0);
    model.close();
  });
});
