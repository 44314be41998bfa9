import { appendFile, readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { mergeModel, type SplitOptions, splitModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const folder = tempFolder();

/** What a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => new Error('the promise was resolved'),
    (error) => error,
  );
}

const path = folder('whole.gguf');
const tiny = tinyModel();
beforeAll(() => tiny.write(path));

const written = async () => (await readdir(dirname(path))).filter((name) => name !== 'whole.gguf');

describe('splitModel and mergeModel', () => {
  it.each<[string, SplitOptions]>([
    ['few', { maxTensors: 5 }],
    ['small', { maxBytes: 40_000 }],
  ])('give the file back: %s', async (name, limit) => {
    const { paths, tensors } = await splitModel(path, folder(name), limit);
    expect(tensors).toBe(tiny.tensors.size);
    expect(paths.length).toBeGreaterThan(3);
    const digits = String(paths.length).padStart(5, '0');
    expect(basename(paths[0]!)).toBe(`${name}-00001-of-${digits}.gguf`);
    const { shards } = await readGguf(paths[2]!);
    for (const { tensors } of shards!) expect(tensors).toBeLessThanOrEqual(limit.maxTensors ?? 99);
    const back = folder(`${name}.gguf`);
    const merged = await mergeModel(paths[1]!, back);
    expect(merged).toMatchObject({ path: back, shards: paths.length, tensors });
    expect((await readFile(back)).equals(await readFile(path))).toBe(true);
  });

  it('leave nothing after an error', async () => {
    const before = await written();
    let calls = 0;
    const onProgress = () => {
      if (++calls === 9) throw new Error('enough');
    };
    const error = await rejection(splitModel(path, folder('gone'), { maxTensors: 3, onProgress }));
    expect(error.message).toBe('enough');
    expect(await written()).toEqual(before);
  });

  it('leave what was there after an error, whenever it comes', async () => {
    const limit = { maxTensors: 3, overwrite: true };
    const { paths } = await splitModel(path, folder('there'), limit);
    const contents = () => Promise.all(paths.map((shard) => readFile(shard, 'latin1')));
    await Promise.all(paths.map((shard, i) => appendFile(shard, `${i}`))); // others than are written
    const before = await contents();
    for (const at of [0.01, 0.5, 1]) {
      const controller = new AbortController();
      const { signal } = controller;
      const onProgress = ({ fraction }: { fraction: number }) => {
        if (fraction >= at) controller.abort();
      };
      const aborted = splitModel(path, folder('there'), { ...limit, signal, onProgress });
      expect((await rejection(aborted)).code).toBe('ERR_BITNET_ABORTED');
      expect(await contents()).toEqual(before);
    }
    await splitModel(path, folder('there'), limit);
    expect(await contents()).not.toEqual(before);
  });

  it('end where the file is read back', async () => {
    const { paths } = await splitModel(path, folder('back'), { maxTensors: 9 });
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = ({ fraction }: { fraction: number }) => {
      if (fraction > 0.6) controller.abort();
    };
    const merged = mergeModel(paths[0]!, folder('never.gguf'), { signal, onProgress });
    expect((await rejection(merged)).code).toBe('ERR_BITNET_ABORTED');
    expect(await written()).not.toContain('never.gguf');
  });

  it('refuse a whole model, and limits that are none', async () => {
    expect((await rejection(mergeModel(path, folder('gone.gguf')))).message).toContain(
      'is a whole model; there is nothing to merge',
    );
    expect(
      (await rejection(splitModel(path, folder('gone'), { maxTensors: 0 }))).message,
    ).toContain('an integer of at least 1 for option maxTensors');
  });
});
