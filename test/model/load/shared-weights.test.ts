import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeEach, expect, it } from 'vitest';
import { readGguf } from '../../../lib/gguf/reader.js';
import { type LoadOptions, loadModel, type Model } from '../../../lib/index.js';
import { allLogits, modelLoader } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const load = modelLoader();
const temp = tempFolder();
const ids = [1, 2, 3, 4];
let files = 0;
let path: string;
let logits: Float32Array;

beforeEach(async () => {
  path = temp(`${files++}.gguf`); // each test its own, because models of earlier ones are still held
  await tinyModel({ nLayer: 1 }).write(path);
  utimesSync(path, 1000, 1000);
  const model = await loadModel(path);
  logits = await allLogits(model, ids);
  model.close();
});

/** Overwrites weights with zeros so that nobody notices: whoever reads the file now gets others. */
async function changeUnnoticed() {
  const { tensors } = await readGguf(path);
  const { offset } = tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')!;
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, offset);
  closeSync(file);
  utimesSync(path, 1000, 1000);
}

/** Whether a model holds the weights that the file had at first. */
const isOriginal = async (model: Model) =>
  Buffer.from((await allLogits(model, ids)).buffer).equals(Buffer.from(logits.buffer));

it('a file that is loaded again is not read again, until its last model is closed', async () => {
  const first = await load(path);
  await changeUnnoticed();
  const second = await load(path);
  expect(await isOriginal(second)).toBe(true);
  first.close();
  const third = await load(path, { contextLength: 8, threads: 1 });
  expect(await isOriginal(third)).toBe(true);
  expect(await isOriginal(second)).toBe(true);
  second.close();
  third.close();
  expect(await isOriginal(await load(path))).toBe(false);
});

it('loads at the same time hold the same weights', async () => {
  const models = await Promise.all([load(path), load(path), load(path)]);
  await changeUnnoticed();
  models[0]!.close();
  expect(await isOriginal(models[1]!)).toBe(true);
  expect(await isOriginal(await load(path))).toBe(true);
});

it.each<LoadOptions>([
  { kernel: 'scalar' },
  { activation: 'silu' },
  { headPrefilter: false },
  { skipInactive: false },
])('with %o they are held apart', async (options) => {
  const first = await load(path);
  await changeUnnoticed();
  expect(await isOriginal(await load(path, options))).toBe(false);
  expect(await isOriginal(first)).toBe(true);
});

it('a load that fails or is aborted leaves the others theirs', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = [1, 2].map(() => loadModel(path, { signal }).catch((error) => error.code));
  const failed = loadModel(path, {
    onProgress: () => {
      throw new Error('mine');
    },
  }).catch((error) => error.message);
  const loaded = load(path);
  controller.abort();
  expect(await Promise.all(aborted)).toEqual(['ERR_BITNET_ABORTED', 'ERR_BITNET_ABORTED']);
  expect(await failed).toBe('mine');
  expect(await isOriginal(await loaded)).toBe(true);
});

it('workers hold the weights of the main thread', async () => {
  const model = await load(path);
  await changeUnnoticed();
  const script = `
    const { parentPort } = require('node:worker_threads');
    const { loadModel } = require(${JSON.stringify(resolve(__dirname, '../../..'))});
    (async () => {
      const model = await loadModel(${JSON.stringify(path)});
      const session = model.createSession();
      parentPort.postMessage(await session.evaluate([1, 2, 3, 4]));
      model.close();
    })();`;
  const worker = new Worker(script, { eval: true });
  const last = await new Promise<Float32Array>((done, failed) => {
    worker.on('message', done).on('error', failed);
  });
  await worker.terminate();
  expect(last).toEqual(logits.slice(-last.length));
  expect(await isOriginal(model)).toBe(true);
});
