import { readdir, readFile } from 'node:fs/promises';
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

  it('refuse a whole model, and limits that are none', async () => {
    expect((await rejection(mergeModel(path, folder('gone.gguf')))).message).toContain(
      'is a whole model; there is nothing to merge',
    );
    expect(
      (await rejection(splitModel(path, folder('gone'), { maxTensors: 0 }))).message,
    ).toContain('an integer of at least 1 for option maxTensors');
  });
});
