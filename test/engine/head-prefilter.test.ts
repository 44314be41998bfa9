import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AllLogits, TopLogits } from '../../lib/generate/evaluator.js';
import { generateSettings } from '../../lib/generate/options.js';
import { Random } from '../../lib/generate/random.js';
import { Sampler } from '../../lib/generate/sampler.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { inspectModel } from '../../lib/index.js';
import { AdapterMemory } from '../../lib/model/adapter/adapter-memory.js';
import { noAdapters } from '../../lib/model/adapter/applied-adapters.js';
import { Admission } from '../../lib/model/admission.js';
import { Session } from '../../lib/model/session/session.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { loadNativeModel } from '../../lib/native.js';
import type { NativeModel } from '../../lib/native-types.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 4096;
const dim = 128;
const contextLength = 512;

/** A model whose head is prefiltered if it has at least `prefilterFrom` bytes, and a session of it. */
interface Driven {
  readonly native: NativeModel;
  readonly session: Session;
}
const models: NativeModel[] = [];
afterAll(() => {
  for (const model of models) model.close();
});

async function driven(path: string, prefilterFrom: number): Promise<Driven> {
  const file = await readGguf(path);
  const spec = readSpec(file);
  const control = new Int32Array(2);
  const native = await loadNativeModel(path, spec, {
    threads: 2,
    kernel: '',
    control,
    prefilterFrom,
  });
  models.push(native);
  const tokenizer = await createTokenizer(file);
  const owner = {
    native,
    tokenizer,
    vocabSize,
    dim,
    nLayer: spec.nLayer,
    longRopeAbove: undefined,
    contextLength,
    kvType: 'f16',
    adapters: noAdapters,
    adapterMemory: new AdapterMemory(0, () => native),
    name: 'stories',
    path: 'stories.gguf',
    admission: new Admission({ maxRunning: 1, maxQueue: 0 }),
    identity: async () => '',
    another: () => {
      throw new Error('nothing is forked here');
    },
    onClose() {},
  } as const;
  return { native, session: new Session(owner) };
}

/**
 * Rows of the F16 head that are hard to tell apart: equal ones far apart, ones that differ in the
 * last bit of one weight, ones that are zero, and a few that are far larger than the others.
 */
function makeHard(rows: Uint16Array): void {
  const row = (id: number) => rows.subarray(id * dim, (id + 1) * dim);
  for (let id = 0; id < vocabSize; id++) {
    if (id % 16 === 3) row(id).set(row((id * 7) % vocabSize));
    if (id % 16 === 5) {
      row(id).set(row(id - 1));
      row(id)[id % dim]! ^= 1;
    }
    if (id % 64 === 9) row(id).fill(0);
    if (id % 512 === 11) row(id).set(row(id).map((half) => half + (3 << 10))); // times 8
  }
}

const everything = { top: undefined, extraIds: [] };

describe('the head prefilter', () => {
  let prefiltered: Driven;
  let full: Driven;
  beforeAll(async () => {
    const model = tinyModel({ nLayer: 1, dim, ffnDim: 128, vocabSize, contextLength });
    const { bytes } = model.tensors.get('token_embd.weight')!;
    makeHard(new Uint16Array(bytes.buffer, bytes.byteOffset, vocabSize * dim));
    await model.write(temp('hard.gguf'));
    prefiltered = await driven(temp('hard.gguf'), vocabSize * dim * 2);
    full = await driven(temp('hard.gguf'), Number.POSITIVE_INFINITY);
  });

  test('leads to the same token as all logits, in 10,000 draws with all settings', async () => {
    const random = Random.fromSeed(2026);
    const among = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
    const history: number[] = [];
    let asked = 0;
    let draws = 0;
    while (draws < 10_000) {
      if (history.length >= 200) {
        history.length = 0;
        prefiltered.session.reset();
        full.session.reset();
      }
      // Often a token of before, so that there are repetitions to penalize.
      history.push(Math.floor(random.next() * (random.next() < 0.3 ? 50 : vocabSize)));
      const input = history.slice(-1);
      const [all] = await full.session.evaluator.evaluate(input, [everything]);
      for (let draw = 0; draw < 10; draw++, draws++) {
        const settings = generateSettings({
          temperature: among([0, 0.3, 0.8, 1.5]),
          topK: among([0, 1, 5, 40, 100, vocabSize, 2000]),
          topP: among([0, 0.5, 0.95, 1]),
          minP: among([0, 0.05, 0.5, 1]),
          repeatPenalty: among([1, 1.1, 2, 0.7]),
          repeatLastN: among([-1, 0, 5, 64]),
          presencePenalty: among([0, 0.5, -1]),
          frequencyPenalty: among([0, 0.3, -0.2]),
          seed: random.nextUint32(),
        });
        const sampler = new Sampler(settings);
        const request = sampler.request(history);
        const expected = new Sampler(settings).pick(all!, request);
        const { evaluator } = prefiltered.session;
        prefiltered.session.truncate(history.length - 1);
        if (request.top !== undefined) asked++;
        const [logits] = await evaluator.evaluate(input, [request]);
        expect(sampler.pick(logits!, request), JSON.stringify(settings)).toBe(expected);
      }
    }
    // It proves something only if the prefilter answered what it was asked.
    const { head } = prefiltered.native.info();
    expect(asked).toBeGreaterThan(6000);
    expect(head.prefiltered).toBeGreaterThan(0.8 * asked);
    expect(head.candidates).toBeLessThan(0.07 * vocabSize * head.prefiltered);
    expect(full.native.info().head).toMatchObject({ prefiltered: 0, candidates: 0 });
  }, 60_000);

  test('finds the best of those that a mask allows, however few', async () => {
    const random = Random.fromSeed(31);
    for (let trial = 0; trial < 60; trial++) {
      const id = Math.floor(random.next() * vocabSize);
      const share = [0.001, 0.02, 0.5, 0.99][trial % 4]!;
      const allowed = new Uint32Array(vocabSize / 32);
      const ids = [...Array(vocabSize).keys()].filter(() => random.next() < share);
      for (const one of ids) allowed[one >>> 5]! |= 1 << (one & 31);
      if (ids.length === 0) continue;
      for (const { session } of [prefiltered, full]) session.reset();
      const [all] = await full.session.evaluator.evaluate([id], [everything]);
      const { all: logits } = all as AllLogits;
      const expected = ids.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, 20);
      for (const { session } of [prefiltered, full]) {
        session.reset();
        const request = { top: 20, extraIds: [7], allowed };
        const [top] = (await session.evaluator.evaluate([id], [request])) as [TopLogits];
        expect([...top.ids].filter((one) => one >= 0)).toEqual(expected);
        expect([...top.logits].slice(0, expected.length)).toEqual(
          expected.map((one) => logits[one]),
        );
        expect(top.extraLogits[0]).toBe(logits[7]);
      }
    }
  });
});

describe('the switches', () => {
  const path = temp('large.gguf');
  const headBytes = 32 * 2 ** 20; // the smallest that is prefiltered
  beforeAll(() =>
    tinyModel({ nLayer: 2, dim: 256, ffnDim: 512, vocabSize: 2 ** 15, headType: 'F32' }).write(
      path,
    ),
  );

  test('headPrefilter and skipInactive change neither logits nor text', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => (i * 997) % 2 ** 15);
    const results = [];
    for (const headPrefilter of [true, false]) {
      for (const skipInactive of [true, false]) {
        const model = await load(path, { headPrefilter, skipInactive });
        const options = { maxTokens: 20, seed: 5, temperature: 1 };
        const { ids: text } = await model.createSession().complete(ids, options);
        const { prefiltered, full } = model.headCounts;
        expect([prefiltered, full]).toEqual(headPrefilter ? [20, 0] : [0, 20]);
        expect(model.memory.head > headBytes / 2).toBe(!headPrefilter);
        const { memory } = await inspectModel(path, { headPrefilter, skipInactive });
        expect(memory!.head).toBe(model.memory.head);
        expect(memory!.ternary / model.memory.ternary).toBeCloseTo(1, 2);
        const logits = await allLogits(model, ids.slice(0, 6), 1);
        results.push({ text, logits: Buffer.from(logits.buffer) });
      }
    }
    for (const { text, logits } of results) {
      expect(text).toEqual(results[0]!.text);
      expect(logits.equals(results[0]!.logits)).toBe(true);
    }
  }, 30_000);
});
