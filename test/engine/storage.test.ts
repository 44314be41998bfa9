import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { cpuInfo, inspectModel, type LoadOptions } from '../../lib/index.js';
import { encodeDense, encodeTernary, type TernaryType, ternaryTypes } from '../fixtures/encode.js';
import { halfRound } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';
import {
  addScale,
  type StorageVariant,
  storeAs,
  type TileNumbers,
} from '../fixtures/storage-variants.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyModel, type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import type { TinyTensor } from '../fixtures/tiny-tensors.js';
import { compareWithTies } from '../reference/ties.js';
import { referenceModel } from '../reference/weights.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
// Multiples of 256, as TQ needs; 256 and 512 columns are no multiples of 96, the tiles of TL2, or of 5 × 64.
const shape = { dim: 256, ffnDim: 512, nHead: 4, nKvHead: 2, nLayer: 2 } as const;
const ids = Array.from({ length: 40 }, (_, i) => (7 * i) % 320);

async function logitsOf(model: TinyModel, options: LoadOptions = {}): Promise<Buffer> {
  const path = temp('model.gguf');
  await model.write(path);
  const loaded = await load(path, options);
  const logits = await allLogits(loaded, ids);
  loaded.close();
  return Buffer.from(logits.buffer);
}

async function refusal(model: TinyModel, options: LoadOptions = {}): Promise<string> {
  const path = temp('refused.gguf');
  await model.write(path);
  const error: Error & { code?: string } = await load(path, options).then(
    () => new Error('loaded'),
    (reason) => reason,
  );
  return `${error.code}: ${error.message.replaceAll(path, 'x.gguf')}`;
}

/** Overwrites bytes of a tensor of a written model. */
function damage(model: TinyModel, name: string, at: number, byte: number): void {
  const tensor = model.tensors.get(name)!;
  const bytes = tensor.bytes.slice();
  bytes[at] = byte;
  model.tensors.set(name, { ...tensor, bytes });
}

describe('the same trits have the same bits as in I2_S', () => {
  const cases: [
    title: string,
    variant: StorageVariant,
    shape: TinyOptions,
    options: LoadOptions,
  ][] = [
    ['I2_S for ARM', 'I2_S arm64', shape, { i2sLayout: 'arm64' }],
    [
      'I2_S for ARM, blocks across rows',
      'I2_S arm64',
      { ...shape, ffnDim: 97, nHead: 2 },
      { i2sLayout: 'arm64' },
    ],
    ['I2_S by four rows', 'I2_S rows4', { ...shape, ffnDim: 196 }, { i2sLayout: 'rows4' }],
    ['TL1', 'TL1', shape, {}],
    ['TL2 without pairs too', 'TL2', { ...shape, dim: 288, nHead: 3, nKvHead: 1 }, {}],
    ['TL2', 'TL2', shape, {}],
    ['Q2_0 in groups of 128', 'Q2_0_G128', shape, {}],
    ['IQ1_BN of 2024', 'IQ1_BN without scales', shape, {}],
    ['IQ2_BN of 2024', 'IQ2_BN without scales', shape, {}],
  ];
  const graphs = ['bitnet-b1.58', 'bitnet', 'llama'] as const;

  it.each(cases)('%s', async (_, variant, sizes, options) => {
    for (const arch of graphs) {
      const small = { ...sizes, arch, nLayer: 1 };
      const expected = await logitsOf(tinyModel(small));
      const model = tinyModel(small);
      const table = temp('kernel_config.ini');
      await writeFile(table, storeAs(model, variant));
      const tlTable = variant.startsWith('TL') ? { tlTable: table } : {};
      for (const kernel of ['', 'scalar']) {
        const logits = await logitsOf(model, { ...options, ...tlTable, ...(kernel && { kernel }) });
        expect(logits.equals(expected), arch).toBe(true);
      }
    }
  });

  it.each(ternaryTypes.filter((type) => type !== 'I2_S'))(
    '%s, whose equal scales are one',
    async (weightType) => {
      for (const arch of graphs) {
        const small = { ...shape, arch, nLayer: 1 };
        const expected = await logitsOf(tinyModel(small));
        const logits = await logitsOf(tinyModel({ ...small, weightType }));
        expect(logits.equals(expected), arch).toBe(true);
      }
    },
  );

  it('not in another layout, which is as sound a file', async () => {
    const model = tinyModel(shape);
    const expected = await logitsOf(model);
    const logits = await logitsOf(model, { i2sLayout: 'arm64' });
    expect(logits.equals(expected)).toBe(false);
    expect(logits).toHaveLength(expected.length);
  });

  it('matrices longer than what is read at once, with a table of larger tiles', async () => {
    const sizes = { dim: 1536, ffnDim: 4096, nHead: 12, nLayer: 1, vocabSize: 300 } as const;
    const model = tinyModel(sizes);
    const trits = [...model.tensors];
    const expected = await logitsOf(model);
    const tiles: Record<'TL1' | 'TL2', (m: number, k: number) => TileNumbers> = {
      TL1: (m, k) => (m === k ? [128, 64, 64] : [256, 128, 32]),
      TL2: (m, k) => (m === k ? [128, 192, 32] : [256, 96, 32]),
    };
    for (const type of ['TL1', 'TL2'] as const) {
      for (const [name, tensor] of trits) model.tensors.set(name, tensor);
      storeAs(model, type, tiles[type]);
      expect((await logitsOf(model, { tlTable: 'large' })).equals(expected)).toBe(true);
    }
  });
});

describe('block scales that differ', () => {
  it.each(['Q2_0', 'PQ2_0'] as const)('%s: the same bits with every kernel', async (weightType) => {
    const model = tinyModel({ ...shape, weightType, unevenScales: true });
    const expected = await logitsOf(model, { kernel: 'scalar', threads: 1 });
    for (const { name, usable } of cpuInfo().kernels) {
      if (usable)
        expect((await logitsOf(model, { kernel: name })).equals(expected), name).toBe(true);
    }
  });
});

describe('scales of blocks beside one scale', () => {
  // The tiles of both have other heights with some kernels, and a thread takes whole ones of both.
  it.each(['ffn_gate', 'ffn_up', 'ffn_down'])(
    'in %s: the same bits with every kernel',
    async (part) => {
      const options = { ...shape, nLayer: 1, weightType: 'Q2_0' } as const;
      const model = tinyModel({ ...options, unevenScales: true });
      const name = `blk.0.${part}.weight`;
      model.tensors.set(name, tinyModel(options).tensors.get(name)!);
      const expected = await logitsOf(model, { kernel: 'scalar', threads: 1 });
      for (const { name, usable } of cpuInfo().kernels) {
        if (usable)
          expect((await logitsOf(model, { kernel: name })).equals(expected), name).toBe(true);
      }
    },
  );
});

describe('a Q2_0 matrix that uses +2', () => {
  it.each(['Q2_0', 'PQ2_0'] as const)(
    '%s is an ordinary one, and the others stay ternary',
    async (weightType) => {
      const options = { ...shape, weightType, unevenScales: true } as const;
      const model = tinyModel(options);
      // The codes of ffn_up, and of half of attn_q, as they come: a quarter of them is 3.
      const next = random(3);
      for (const name of ['blk.0.ffn_up.weight', 'blk.1.attn_q.weight']) {
        const { bytes } = model.tensors.get(name)!;
        const block = weightType === 'Q2_0' ? 18 : 34;
        const changed = bytes.map((byte, i) => (i % block < 2 ? byte : Math.floor(256 * next())));
        model.tensors.set(name, { ...model.tensors.get(name)!, bytes: changed });
      }
      const path = temp('four.gguf');
      await model.write(path);
      const loaded = await load(path);
      expect(loaded.memory.dense).toBe((512 * 256 + 256 * 256) * (18 / 32));
      const logits = await allLogits(loaded, ids.slice(0, 12));
      const compared = compareWithTies(await referenceModel(path), ids.slice(0, 12), logits, 1e-6);
      expect(compared.error).toBeLessThan(1e-3);
      const expected = await logitsOf(model, { kernel: 'scalar', threads: 1 });
      expect((await logitsOf(model)).equals(expected)).toBe(true);
    },
  );
});

describe('a table of blocks', () => {
  it.each(['Q2_0', 'PQ2_0', 'PTQ1_0', 'TQ1_0', 'TQ2_0'] as const)(
    '%s has the numbers it says',
    async (type) => {
      const model = tinyModel({ ...shape, tied: false });
      // The embedding and the head get the trits of a projection of the same width.
      const source = tinyModel({ ...shape, ffnDim: 320, weightType: type, unevenScales: true });
      const from = source.tensors.get('blk.0.ffn_up.weight')!;
      for (const name of ['token_embd.weight', 'output.weight']) {
        model.tensors.set(name, { ...from, name });
      }
      const path = temp('table.gguf');
      await model.write(path);
      const loaded = await load(path);
      const logits = await allLogits(loaded, ids.slice(0, 12));
      const compared = compareWithTies(await referenceModel(path), ids.slice(0, 12), logits, 1e-6);
      expect(compared.error).toBeLessThan(1e-3);
      expect(loaded.memory.head).toBe((2 * 320 * 256 * 18) / 32);
      expect((await inspectModel(path)).memory?.head).toBe(loaded.memory.head);
    },
  );
});

describe('scales in tensors of their own', () => {
  it('multiply what a matrix gives, ternary or not', async () => {
    for (const weightType of ['I2_S', 'IQ2_BN', 'Q2_0', 'F16'] as const) {
      const options = { ...shape, weightType, unevenScales: true, ternaryValues: true } as const;
      const plain = tinyModel(options);
      const scaled = tinyModel(options);
      for (const name of [...plain.tensors.keys()].filter((key) =>
        /attn_k|ffn_(gate|down)/.test(key),
      )) {
        // A power of two: exact in every type and sum, so that both models have the same bits.
        const tensor = plain.tensors.get(name)!;
        plain.tensors.set(name, { ...tensor, bytes: halved(tensor) });
        addScale(scaled, name, 0.5);
      }
      const expected = await logitsOf(plain);
      expect((await logitsOf(scaled)).equals(expected), weightType).toBe(true);
      expect((await logitsOf(tinyModel(options))).equals(expected)).toBe(false);
    }
  });

  it('that are no numbers, have other shapes, types or no matrix are refused', async () => {
    const name = 'blk.0.attn_q.scale';
    const scaled = (change: Partial<TinyTensor>) => {
      const model = tinyModel(shape);
      addScale(model, 'blk.0.attn_q.weight', 2);
      model.tensors.set(name, { ...model.tensors.get(name)!, ...change });
      return refusal(model);
    };
    const nan = new Uint8Array(Float32Array.of(Number.NaN).buffer);
    expect(await scaled({ bytes: nan })).toMatch(
      /^ERR_BITNET_MODEL: Tensor "blk\.0\.attn_q\.weight" \(I2_S\) has a scale that is not a finite/,
    );
    expect(await scaled({ dims: [2], bytes: new Uint8Array(8) })).toBe(
      `ERR_BITNET_MODEL: Expected tensor "${name}" of "x.gguf" to be one number, but found the shape [2]; the file is damaged or faulty, convert the model again.`,
    );
    expect(await scaled({ type: 'F16', bytes: new Uint8Array(2) })).toBe(
      `ERR_BITNET_TYPE: Expected tensor "${name}" of "x.gguf" to be of type F32, but found F16; convert the model with scales of type F32.`,
    );
    const old = tinyModel({ ...shape, arch: 'bitnet' });
    storeAs(old, 'IQ1_BN without scales');
    old.tensors.delete('blk.1.ffn_up.scale');
    expect(await refusal(old)).toBe(
      'ERR_BITNET_MODEL: Expected tensor "blk.1.ffn_up.scale" of "x.gguf" to be there, because "blk.1.ffn_up.weight" has the type IQ1_BN without scales, but found no such tensor; convert the model again with a current ik_llama.cpp.',
    );
  });
});

describe('a wrong or damaged tensor gets its own sentence', () => {
  const tables = async (model: TinyModel, type: 'TL1' | 'TL2') => {
    const tlTable = temp('kernel_config.ini');
    await writeFile(tlTable, storeAs(model, type));
    return { tlTable };
  };

  it.each([
    ['I2_S arm64', 'arm64', 0xff],
    ['I2_S rows4', 'rows4', 0xff],
  ] as const)('%s with the code 3', async (variant, i2sLayout, byte) => {
    const model = tinyModel(shape);
    storeAs(model, variant);
    damage(model, 'blk.1.attn_k.weight', 100, byte);
    expect(await refusal(model, { i2sLayout })).toBe(
      `ERR_BITNET_MODEL: Tensor "blk.1.attn_k.weight" (${variant}) holds the code 3, which is not a ternary weight: the file is damaged or was written by a faulty tool; get it again or convert it anew.`,
    );
  });

  it('IQ2_BN_R4 with the code 3', async () => {
    const model = tinyModel({ ...shape, weightType: 'IQ2_BN_R4' });
    damage(model, 'blk.1.attn_k.weight', 100, 0xff);
    expect(await refusal(model)).toContain('"blk.1.attn_k.weight" (IQ2_BN_R4) holds the code 3');
  });

  it('Q2_0 with a scale that is no number, ternary or not', async () => {
    for (const byte of [0x55, 0xff]) {
      const model = tinyModel({ ...shape, weightType: 'Q2_0' });
      damage(model, 'blk.1.attn_k.weight', 19, 0x7f);
      damage(model, 'blk.1.attn_k.weight', 30, byte);
      expect(await refusal(model)).toMatch(/\(Q2_0\) has a scale that is not a finite number/);
    }
  });

  it('TL1 and TL2 with bytes of no weights', async () => {
    const tl1 = tinyModel(shape);
    const options1 = await tables(tl1, 'TL1');
    damage(tl1, 'blk.0.ffn_up.weight', 77, 0x94);
    expect(await refusal(tl1, options1)).toMatch(
      /\(TL1\) holds a nibble above 8, which is no pair/,
    );
    const tl2 = tinyModel(shape);
    const options2 = await tables(tl2, 'TL2');
    damage(tl2, 'blk.0.ffn_up.weight', 77, 0xe0);
    expect(await refusal(tl2, options2)).toMatch(/\(TL2\) holds nibbles or signs that no/);
    // All signs set: zeros among the triples have one too, as with the signs of another section.
    const signs = tinyModel(shape);
    const options3 = await tables(signs, 'TL2');
    for (let i = 0; i < 8; i++) damage(signs, 'blk.0.ffn_up.weight', (512 * 192) / 6 + i, 0xff);
    expect(await refusal(signs, options3)).toMatch(/\(TL2\) holds nibbles or signs that no/);
  });

  it('TL1 and TL2 without a table, with one that lacks the shape, and with one that does not fit', async () => {
    const model = tinyModel(shape);
    const { tlTable } = await tables(model, 'TL1');
    const tensor = 'Expected tensor "blk.0.attn_q.weight" of "x.gguf" to be';
    const config = 'the kernel_config.ini of the build that wrote the file';
    expect(await refusal(model)).toBe(
      `ERR_BITNET_TYPE: ${tensor} given a table of tiles, without which the order of TL1 bytes is not known, but found none; name one with tlTable (--tl-table): ${config}; else convert the model to I2_S.`,
    );
    expect(await refusal(model, { tlTable: '3b' })).toBe(
      `ERR_BITNET_TYPE: ${tensor} of a shape that the table of tiles "3b" has, but found 256 × 256; give ${config} as tlTable (--tl-table), or convert the model to I2_S.`,
    );
    for (const [bm, bk, bmm] of [
      [96, 64, 32],
      [64, 96, 32],
      [64, 64, 48],
      [0, 64, 32],
      [64, 0, 32],
      [64, 64, 0],
      [16, 64, 32],
    ]) {
      const text = (await readFile(tlTable, 'utf8'))
        .replaceAll(/bm = .*/g, `bm = ${bm}`)
        .replaceAll(/bk = .*/g, `bk = ${bk}`)
        .replaceAll(/bmm = .*/g, `bmm = ${bmm}`);
      const other = temp('other.ini');
      await writeFile(other, text);
      expect(await refusal(model, { tlTable: other })).toBe(
        `ERR_BITNET_TYPE: ${tensor} stored in tiles that fit 256 × 256 as TL1, but found bm ${bm}, bk ${bk}, bmm ${bmm}; give ${config} as tlTable (--tl-table), or convert the model to I2_S.`,
      );
    }
  });
});

describe('inspect says how tensors are stored, and why', () => {
  const decisions = async (model: TinyModel, options: object = {}) => {
    const path = temp('inspected.gguf');
    await model.write(path);
    const { decisions: all, problems } = await inspectModel(path, options);
    expect(problems).toEqual([]);
    return all.map(({ subject, choice }) => `${subject}: ${choice}`).slice(2);
  };

  it('the layout of I2_S', async () => {
    expect(await decisions(tinyModel(shape))).toEqual(['I2_S layout: canonical']);
    const asked = await decisions(tinyModel(shape), { i2sLayout: 'arm64' });
    expect(asked).toEqual(['I2_S layout: arm64']);
  });

  it('the type of an id that several programs use, told by size', async () => {
    expect(await decisions(tinyModel({ ...shape, weightType: 'Q2_0' }))).toEqual([
      'type 42: Q2_0',
      'Q2_0 weights: ternary, or dense where a weight is +2',
    ]);
    const older = tinyModel(shape);
    storeAs(older, 'Q2_0_G128');
    expect((await decisions(older))[0]).toBe('type 42: Q2_0_G128');
    expect((await decisions(tinyModel({ ...shape, weightType: 'PQ2_0' })))[0]).toBe(
      'type 142: PQ2_0',
    );
    const old = tinyModel({ ...shape, arch: 'bitnet' });
    storeAs(old, 'IQ2_BN without scales');
    expect(await decisions(old)).toEqual([
      'type 135: IQ2_BN without scales',
      'scales: 14 tensors "….scale"',
    ]);
  });

  it('the tiles of TL1 and TL2', async () => {
    const model = tinyModel(shape);
    const tlTable = temp('kernel_config.ini');
    await writeFile(tlTable, storeAs(model, 'TL2'));
    expect(await decisions(model, { tlTable })).toEqual(['type 39: TL2', `TL tiles: ${tlTable}`]);
    await model.write(temp('tl2.gguf'));
    const { tensors } = await readGguf(temp('tl2.gguf'));
    expect(tensors.filter(({ type }) => type === 'TL2')).toHaveLength(14);
  });
});

/** The bytes of a tensor whose numbers are half as large. */
function halved({ type, bytes, trits, scales, values, rows, cols }: TinyTensor): Uint8Array {
  const half = scales?.map((scale) => scale / 2) ?? [];
  return type === 'F16'
    ? encodeDense(
        'F16',
        values.map((value) => halfRound(value / 2)),
      )
    : encodeTernary(type as TernaryType, trits!, half, rows, cols).subarray(0, bytes.length);
}
