import {
  copyFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { loadModel } from '../../lib/index.js';
import { stampsOf } from '../../lib/model/load/identity.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { createNativeSession, loadNativeModel, nativeEvaluate } from '../../lib/native.js';
import { type NativeSession, outputs } from '../../lib/native-types.js';
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
  const spec = readSpec(await readGguf(path));
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

/** Loads a model whose embedding, which is its head too, stays in the file, as large ones do. */
async function loadInFile(change = () => {}) {
  copyFileSync(original, path);
  utimesSync(path, 1e9, 1e9); // long ago: what is written in the same tick of the clock looks alike
  const file = await readGguf(path);
  change();
  return loadNativeModel(path, readSpec(file), {
    ...{ threads: 2, kernel: '', prefilterFrom: 1 },
    stamps: stampsOf(file),
    control: new Int32Array(2),
  });
}

async function nativeLogits(session: NativeSession): Promise<Float32Array> {
  const logits = new Float32Array(320);
  const request = { tokens: Int32Array.of(1, 2, 3), logits, control: new Int32Array(1) };
  await nativeEvaluate(session, { ...request, outputs: outputs.last });
  return logits;
}

describe('a file whose rows are read as they are needed', () => {
  const sentence = `Expected the model file "${path}" to stay as it was when it was loaded, but it has changed; load the model again.`;
  const changed = { code: 'ERR_BITNET_FILE', message: sentence };
  const other = temp('other.gguf');
  beforeAll(() => tinyModel({ seed: 2 }).write(other));

  it('is noticed when another is copied over it: no number is of two files', async () => {
    const native = await loadInFile();
    const session = createNativeSession(native, 16);
    const before = await nativeLogits(session);
    session.truncate(0);
    expect(await nativeLogits(session)).toEqual(before);
    copyFileSync(other, path);
    for (let i = 0; i < 2; i++) {
      expect(await rejection(nativeLogits(session))).toMatchObject(changed);
      expect(session.position()).toBe(3);
    }
    native.close();
  });

  it('goes on when another takes its name: it is still open', async () => {
    const native = await loadInFile();
    const session = createNativeSession(native, 16);
    const before = await nativeLogits(session);
    copyFileSync(other, temp('renamed.gguf'));
    renameSync(temp('renamed.gguf'), path);
    session.truncate(0);
    expect(await nativeLogits(session)).toEqual(before);
    native.close();
  });

  it('is refused when it is no longer the one whose header was read', async () => {
    copyFileSync(other, temp('same-size.gguf'));
    for (const change of [
      () => copyFileSync(other, path),
      () => renameSync(temp('same-size.gguf'), path),
      () => utimesSync(path, 1e9, 1e9 + 1),
    ]) {
      expect(await rejection(loadInFile(change))).toMatchObject(changed);
    }
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
