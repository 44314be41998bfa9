import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readGguf } from '../../../lib/gguf/reader.js';
import { type LoadOptions, loadModel, type Model } from '../../../lib/index.js';
import {
  makePreparedRoom,
  preparedHeader,
  preparedIn,
  preparedPath,
} from '../../../lib/model/prepared/prepared-folder.js';
import { allLogits } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../../fixtures/tiny-model.js';

const temp = tempFolder();
const path = temp('model.gguf');
const ids = [1, 2, 3, 4, 5];
let count = 0;
let folder: string;

// Every test has a cache folder of its own.
const { BITNET_CACHE } = process.env;
beforeEach(async () => {
  process.env.BITNET_CACHE = temp(`cache-${count++}`);
  folder = join(process.env.BITNET_CACHE, 'prepared');
  await tinyModel().write(path);
});
afterAll(() => {
  if (BITNET_CACHE === undefined) delete process.env.BITNET_CACHE;
  else process.env.BITNET_CACHE = BITNET_CACHE;
});

/** What a load says of prepared weights, and the logits of its model. */
async function loaded(options: LoadOptions = {}, file = path) {
  const model: Model = await loadModel(file, options);
  try {
    const logits = await allLogits(model, ids);
    const warnings = model.decisions.filter(({ subject }) => subject === 'prepared weights');
    return { prepared: model.prepared, warnings, logits };
  } finally {
    model.close();
  }
}

const kept = () => (existsSync(folder) ? readdirSync(folder) : []);

it('weights are kept when that is asked for, and used from then on, with the same bits', async () => {
  const { logits, ...plain } = await loaded();
  expect(plain).toEqual({ prepared: undefined, warnings: [] });
  expect(existsSync(folder)).toBe(false);
  const first = await loaded({ prepare: true });
  expect(first.prepared).toMatchObject({ made: true });
  expect(first.prepared!.path).toMatch(/model\.gguf-[\da-f]{16}\.packed$/);
  expect(first.logits).toEqual(logits);
  for (const options of [{}, { prepare: true }]) {
    const next = await loaded(options);
    expect(next.prepared).toEqual({ ...first.prepared, made: false });
    expect(next.logits).toEqual(logits);
  }
  const without = await loaded({ prepare: false });
  expect(without.prepared).toBeUndefined();
  expect(without.logits).toEqual(logits);
  if (process.platform === 'win32') return;
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(first.prepared!.path).mode & 0o777).toBe(0o600);
});

it('a folder of their own may be named', async () => {
  const own = temp('own');
  expect((await loaded({ prepare: own })).prepared).toMatchObject({ made: true });
  expect(existsSync(folder)).toBe(false);
  expect((await loaded()).prepared).toBeUndefined();
  expect((await loaded({ prepare: own })).prepared).toMatchObject({ made: false });
});

it.each<[string, TinyOptions]>([
  ['scales of rows', { weightType: 'IQ1_BN', unevenScales: true }],
  ['scales of groups', { weightType: 'TQ2_0', unevenScales: true }],
  ['the level +2', { weightType: 'Q2_0', unevenScales: true }],
  ['experts', { arch: 'maple' }],
  ['recurrent layers', { arch: 'qwen35' }],
  ['rotated inputs', { rotation: 32 }],
])('models with %s come back as they were', async (_, options) => {
  await tinyModel(options).write(path);
  const { logits } = await loaded({ prepare: true });
  const again = await loaded();
  expect(again.prepared).toMatchObject({ made: false });
  expect(again.logits).toEqual(logits);
});

it('each kernel has weights of its own, and other options do not matter', async () => {
  const { logits } = await loaded({ prepare: true });
  const other = await loaded({ prepare: true, kernel: 'scalar', contextLength: 16, threads: 1 });
  expect(other.prepared).toMatchObject({ made: true });
  expect(other.logits).toEqual(logits);
  expect((await loaded({ kernel: 'scalar' })).prepared).toMatchObject({ made: false });
});

it('a model that has changed is packed anew, and what was kept of it before leaves', async () => {
  await loaded({ prepare: true });
  const before = kept();
  await tinyModel({ seed: 2 }).write(path);
  const changed = await loaded();
  expect(changed.prepared).toBeUndefined();
  expect(kept()).toEqual(before);
  await loaded({ prepare: true });
  expect(kept()).toHaveLength(1);
  expect(kept()).not.toEqual(before);
});

it('a file that was exchanged for one that looks the same is noticed', async () => {
  utimesSync(path, 1000, 1000);
  await loaded({ prepare: true });
  const { logits } = await loaded({ prepare: false });
  const { tensors } = await readGguf(path);
  const { offset } = tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')!;
  const bytes = readFileSync(path).fill(0x55, offset, offset + 4096); // zeros
  writeFileSync(path, bytes);
  utimesSync(path, 1000, 1000);
  const exchanged = await loaded();
  expect(exchanged.prepared).toBeUndefined();
  expect(exchanged.logits).not.toEqual(logits);
});

describe('a prepared file that is', () => {
  const damages: Record<string, (file: string) => void> = {
    damaged: (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 100]! ^= 1;
      writeFileSync(file, bytes);
    },
    'cut short': (file) => writeFileSync(file, readFileSync(file).subarray(0, 20_000)),
    empty: (file) => writeFileSync(file, ''),
    'something else': (file) => writeFileSync(file, 'x'.repeat(100_000)),
  };

  it.each(Object.entries(damages))('%s is not used, and written again', async (_, damage) => {
    const { prepared, logits } = await loaded({ prepare: true });
    damage(prepared!.path);
    const next = await loaded();
    expect(next.prepared).toBeUndefined();
    expect(next.logits).toEqual(logits);
    expect(next.warnings).toEqual([
      {
        subject: 'prepared weights',
        choice: 'not used',
        reason: expect.stringMatching(/\.packed" is damaged: its \w+ (is|are) \w+$/),
        warning: true,
      },
    ]);
    expect((await loaded({ prepare: true })).prepared).toMatchObject({ made: true });
    expect((await loaded()).prepared).toMatchObject({ made: false });
  });

  it.skipIf(process.platform === 'win32')('a link is not followed', async () => {
    const { prepared } = await loaded({ prepare: true });
    renameSync(prepared!.path, temp('elsewhere'));
    symlinkSync(temp('elsewhere'), prepared!.path);
    expect(await loaded()).toMatchObject({ prepared: undefined, warnings: [] });
  });
});

it('what cannot be kept is said, and the model is there', async () => {
  mkdirSync(process.env.BITNET_CACHE!);
  writeFileSync(folder, 'a file');
  const { prepared, warnings } = await loaded({ prepare: true });
  expect(prepared).toBeUndefined();
  expect(warnings).toEqual([
    {
      subject: 'prepared weights',
      choice: 'not kept',
      reason: expect.stringMatching(/^the system answered "E[A-Z]+: [^"]+"$/),
      warning: true,
    },
  ]);
});

it('a model without packed weights has none to keep', async () => {
  await tinyModel({ weightType: 'F16' }).write(path);
  const { warnings } = await loaded({ prepare: true });
  expect(warnings).toMatchObject([
    { choice: 'not kept', reason: 'the model has none: its weights are used as they are stored' },
  ]);
  expect(kept()).toEqual([]);
});

describe('room in the folder', () => {
  const bytes = 10_000;
  /** A file of that model, used so many seconds ago. */
  function entry(model: string, seconds: number) {
    mkdirSync(folder, { recursive: true });
    const file = preparedPath(folder, model, `${seconds}`.padStart(64, '0'));
    writeFileSync(
      file,
      Buffer.concat([preparedHeader(model), Buffer.alloc(bytes)]).subarray(0, bytes),
    );
    const used = Date.now() / 1000 - seconds;
    utimesSync(file, used, used);
  }
  const models = async () => (await preparedIn(folder)).map(({ model }) => model);

  it('is made by those that were used the longest time ago', async () => {
    for (const [i, model] of ['/a', '/b', '/c'].entries()) entry(model, 10 + i);
    expect(await models()).toEqual(['/a', '/b', '/c']);
    expect(await makePreparedRoom(folder, '/d', bytes, 3 * bytes)).toBeUndefined();
    expect(await models()).toEqual(['/a', '/b']);
  });

  it('is made by those of the same model first', async () => {
    for (const [i, model] of ['/a', '/b', '/c'].entries()) entry(model, 10 + i);
    expect(await makePreparedRoom(folder, '/a', bytes, 3 * bytes)).toBeUndefined();
    expect(await models()).toEqual(['/b', '/c']);
  });

  it('is not there for more than the budget or the disk', async () => {
    entry('/a', 10);
    expect(await makePreparedRoom(folder, '/b', 2 ** 20, 2 ** 10)).toBe(
      'they take 1.0 MiB, and all of them may take 1.0 KiB',
    );
    expect(await makePreparedRoom(folder, '/b', 2 ** 50, 2 ** 60)).toMatch(
      /^they take 1024\.00 TiB and .+ stay free, but the disk of ".+" has only .+ left$/,
    );
    expect(await models()).toEqual(['/a']);
  });

  it('is not taken from files that are not ours', async () => {
    entry('/a', 10);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    expect(await makePreparedRoom(folder, '/b', bytes, bytes)).toBeUndefined();
    expect(kept()).toEqual(['notes.txt']);
  });
});
