import { describe, expect, test } from 'vitest';
import { commonShare } from '../../../bench/synth/gate.js';
import { inactiveNeurons } from '../../../bench/synth/inactive-neurons.js';
import { type SynthModel, synthTensors } from '../../../bench/synth/model.js';
import type { Shape } from '../../../bench/synth/shapes.js';
import { tuneGates } from '../../../bench/synth/tune-gates.js';
import { writeSynthModel } from '../../../bench/synth/write.js';
import { readGguf } from '../../../lib/gguf/reader.js';
import { loadModel } from '../../../lib/index.js';
import { decode, decodeTernary } from '../../fixtures/decode.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const file = tempFolder();

const shape: Shape = {
  architecture: 'bitnet-b1.58',
  nLayer: 3,
  dim: 256,
  ffnDim: 832, // six and a half of the pieces that gates are made in
  nHead: 4,
  nKvHead: 2,
  vocabSize: 600,
  contextLength: 512,
  ropeBase: 10_000,
};
const plain: SynthModel = { name: 'test', shape, format: 'i2_s', scales: 'tensor', seed: 5 };

/** The bytes of one tensor. */
async function bytesOf(model: SynthModel, name: string): Promise<Uint8Array> {
  const { data } = synthTensors(model).find((tensor) => tensor.name === name)!;
  if (data instanceof Uint8Array) return data;
  const chunks: Uint8Array[] = [];
  for await (const chunk of data.chunks) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function tritsOf(model: SynthModel, name: string, rows: number, cols: number) {
  return decodeTernary('I2_S', await bytesOf(model, name), rows, cols).trits;
}

/** How often −1, 0 and +1 occur. */
function shares(trits: Int8Array): number[] {
  return [-1, 0, 1].map((trit) => trits.filter((t) => t === trit).length / trits.length);
}

describe('a synthetic model', () => {
  test('has trits −1, 0, +1 with probabilities 1/4, 1/2, 1/4, within four deviations', async () => {
    const trits = await tritsOf(plain, 'blk.0.ffn_up.weight', 832, 256);
    const deviation = Math.sqrt(0.25 / trits.length);
    shares(trits).forEach((share, i) => {
      expect(Math.abs(share - [0.25, 0.5, 0.25][i]!)).toBeLessThan(4 * deviation);
    });
  });

  test('has other trits in every tensor, and with every seed', async () => {
    const q = await tritsOf(plain, 'blk.0.attn_q.weight', 256, 256);
    for (const [seed, name] of [
      [5, 'blk.0.attn_output.weight'],
      [5, 'blk.1.attn_q.weight'],
      [6, 'blk.0.attn_q.weight'],
    ] as const) {
      const other = await tritsOf({ ...plain, seed }, name, 256, 256);
      const equal = q.filter((trit, i) => trit === other[i]).length / q.length;
      expect(equal, `${seed} ${name}`).toBeCloseTo(3 / 8, 1); // as chance has it
    }
  });

  test.each([
    ['plain', plain],
    ['with tilted gates', { ...plain, tilts: [0.02, 0, -0.25] }],
  ])('%s: is the same model in F16 as in I2_S, up to the rounding of scales', async (_, model) => {
    for (const part of ['attn_q', 'ffn_gate', 'ffn_down']) {
      for (const layer of [0, 2]) {
        const name = `blk.${layer}.${part}.weight`;
        const { dims } = synthTensors(model).find((tensor) => tensor.name === name)!;
        const [cols, rows] = dims as [number, number];
        const packed = decode('I2_S', await bytesOf(model, name), rows, cols);
        const halves = decode('F16', await bytesOf({ ...model, format: 'f16' }, name), rows, cols);
        const most = (values: Float64Array) => values.reduce((max, x) => Math.max(max, x), 0);
        const differences = packed.map((weight, i) => Math.abs(weight - halves[i]!));
        expect(most(differences), name).toBeLessThan(most(packed) / 2048);
      }
    }
  });

  test('has embeddings of energy one; with tilted gates half of it is common to all', async () => {
    const { dim, vocabSize } = shape;
    for (const [model, share] of [
      [plain, 0],
      [{ ...plain, tilts: [0, 0, 0] }, commonShare],
    ] as const) {
      const rows = decode('F16', await bytesOf(model, 'token_embd.weight'), vocabSize, dim);
      const energy = rows.reduce((sum, x) => sum + x * x, 0) / rows.length;
      expect(energy).toBeCloseTo(1, 1);
      let common = 0;
      for (let col = 0; col < dim; col++) {
        let mean = 0;
        for (let row = 0; row < vocabSize; row++) mean += rows[row * dim + col]! / vocabSize;
        common += mean ** 2 / dim;
      }
      expect(common).toBeCloseTo(share, 1);
    }
  });

  test('has the same first rows of the embedding whatever the vocabulary', async () => {
    const short = { ...plain, shape: { ...shape, vocabSize: 300 } };
    const some = await bytesOf(short, 'token_embd.weight');
    const all = await bytesOf(plain, 'token_embd.weight');
    expect(Buffer.compare(some, all.subarray(0, some.length))).toBe(0);
  });

  test.each([
    ['tq1_0', 'TQ1_0'],
    ['tq2_0', 'TQ2_0'],
    ['q8_0', 'Q8_0'],
    ['q4_0', 'Q4_0'],
  ] as const)('holds exactly the weights of F16 in %s', async (format, type) => {
    for (const [rows, cols, part] of [
      [256, 256, 'attn_q'],
      [128, 256, 'attn_k'],
    ] as const) {
      const name = `blk.1.${part}.weight`;
      const bytes = await bytesOf({ ...plain, format }, name);
      const halves = await bytesOf({ ...plain, format: 'f16' }, name);
      expect(decode(type, bytes, rows, cols)).toEqual(decode('F16', halves, rows, cols));
    }
  });

  test.each(['i2_s', 'f16'] as const)('loads and generates as %s', async (format) => {
    const path = file(`${format}.gguf`);
    await writeSynthModel(path, { ...plain, format }, {});
    const model = await loadModel(path);
    expect(model.spec).toMatchObject({ nLayer: 3, dim: 256, ffnDim: 832, nHead: 4, nKvHead: 2 });
    const text = 'Every byte: \u00e4 \u{1f600}\n';
    expect(model.detokenize(model.tokenize(text))).toBe(text);
    const logits = await model.createSession().evaluate(model.tokenize('Hello'));
    expect(logits.every(Number.isFinite)).toBe(true);
    const { ids } = await model.createSession().complete('Hello', { maxTokens: 4, seed: 1 });
    expect(ids.length).toBeGreaterThan(0);
    model.close();
  });

  test('computes the same as F16 and as I2_S, up to int8 activations', async () => {
    const [i2s, f16] = await Promise.all(['i2_s', 'f16'].map((n) => loadModel(file(`${n}.gguf`))));
    const ids = i2s!.tokenize('The quick brown fox');
    const [a, b] = await Promise.all([i2s!, f16!].map((m) => m.createSession().evaluate(ids)));
    const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
    expect(norm(a!.map((v, i) => v - b![i]!)) / norm(a!)).toBeLessThan(0.02);
    i2s!.close();
    f16!.close();
  });
});

describe('tuneGates', () => {
  test.each([0.3, 0.5, 0.85])('closes %d of every layer’s gates, in the file too', async (part) => {
    const trial = file('trial');
    const { tilts, closed } = await tuneGates(trial, plain, part, {});
    expect(closed).toHaveLength(3);
    for (const fraction of closed) expect(Math.abs(fraction - part)).toBeLessThan(0.02);
    await expect(readGguf(trial)).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
    const path = file('tuned.gguf');
    await writeSynthModel(path, { ...plain, tilts }, {});
    expect(await inactiveNeurons(path, 512, plain.seed)).toEqual(closed);
  });
});

describe('inactiveNeurons', () => {
  test('counts what the definition says: about half of plain random gates', async () => {
    for (const fraction of await inactiveNeurons(file('i2_s.gguf'), 512, 1)) {
      expect(fraction).toBeCloseTo(0.5, 1);
    }
  });
});
