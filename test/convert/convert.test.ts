import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ConvertProgress, convertCheckpoint } from '../../lib/convert/convert.js';
import type { ConvertType } from '../../lib/convert/convert-options.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { modelLoader } from '../engine/engine.js';
import { decode, decodeTernary } from '../fixtures/decode.js';
import type { TernaryType } from '../fixtures/encode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { refusal } from '../safetensors/raw-file.js';
import { convertedMade, madeCheckpoint, sizes, tensor, trits } from './made-checkpoint.js';

const temp = tempFolder();
const load = modelLoader();

function numbersOf(file: GgufFile, name: string) {
  const { offset, bytes, type, dims } = file.tensors.find((tensor) => tensor.name === name)!;
  const data = new Uint8Array(readFileSync(file.path).subarray(offset, offset + bytes));
  return { type, data, cols: dims[0]!, rows: dims[1] ?? 1 };
}

/** 0.0625 in the first row, another scale in the others. */
const byRow = (i: number) => (i < sizes.dim ? 0.0625 : 0.09375);
const byGroup = (i: number) => (i % 128 < 64 ? 0.0625 : 0.09375);

describe('the type auto', () => {
  it.each([
    ['one scale of 16 bits', trits(1, () => 0.0625), 'TQ1_0'],
    ['a scale per row', trits(1, byRow), 'TQ1_0'],
    ['a scale per 64 weights', trits(1, byGroup), 'Q2_0'],
    ['no scale', (i: number) => (i % 7) / 16, 'F32'],
  ])('stores weights with %s exactly', async (what, weight, type) => {
    const { types, file } = await convertedMade(temp(what), { weight, dtype: 'F32' });
    const dense = type === 'F32';
    // 32-bit floats that bfloat16 can hold are stored so.
    expect(types).toEqual(dense ? { F32: 3, BF16: 8 } : { F32: 3, BF16: 1, [type]: 7 });
    const { data, rows, cols } = numbersOf(file, 'blk.0.ffn_up.weight');
    const values = decode((dense ? 'BF16' : type) as TernaryType, data, rows, cols);
    const next = dense ? weight : undefined;
    if (next) expect([...values].slice(0, 9)).toEqual(Array.from({ length: 9 }, (_, i) => next(i)));
    expect(new Set([...values].map(Math.abs)).size).toBeGreaterThan(1);
  });

  it('stores a scale that 16 bits cannot hold as I2_S, and as 32-bit floats where there are several', async () => {
    const inexact = 0.0625 + 2 ** -20;
    const one = { weight: trits(1, () => inexact), dtype: 'F32' } as const;
    expect((await convertedMade(temp('i2s'), one)).types).toMatchObject({ I2_S: 7 });
    const several = { ...one, weight: trits(1, (i) => inexact + byGroup(i)) };
    expect((await convertedMade(temp('floats'), several)).types).toMatchObject({ F32: 10 });
  });

  it('stores a ternary embedding as such', async () => {
    const embedding = tensor('F16', [sizes.vocab, sizes.dim], trits(3, byGroup));
    const tensors = { 'model.embed_tokens.weight': embedding };
    const { types, path } = await convertedMade(temp('embedding'), { tensors });
    expect(types).toEqual({ Q2_0: 1, TQ1_0: 7, F32: 3 });
    const model = await load(path);
    expect(
      (await model.createSession().complete('a', { maxTokens: 2 })).usage.completionTokens,
    ).toBe(2);
  });
});

describe('a type that was asked for', () => {
  it.each(['i2_s', 'tq1_0', 'tq2_0', 'q2_0'] as const)('%s holds the same trits', async (type) => {
    const { file } = await convertedMade(temp(type), {}, { type });
    const { data, rows, cols, ...found } = numbersOf(file, 'blk.0.ffn_down.weight');
    expect(found.type).toBe(type.toUpperCase());
    const decoded = decodeTernary(found.type as TernaryType, data, rows, cols);
    const next = trits(1, () => 1);
    const before = 256 + 128 + 128 + 256 + 256 + 256;
    const expected = Array.from({ length: (before + 256) * 256 }, (_, i) => next(i)).slice(
      before * 256,
    );
    expect([...decoded.trits]).toEqual(expected.map((trit) => trit + 0));
    expect(decoded.scale(255, 255)).toBe(0.0625);
  });

  const refused: [ConvertType, string, (i: number) => number, string][] = [
    [
      'i2_s',
      'rows',
      trits(1, byRow),
      'of a scale for all weights, as I2_S stores them, but found one for each row; choose another type, or auto for the smallest that fits',
    ],
    [
      'tq2_0',
      'groups',
      trits(1, byGroup),
      'of a scale for every 256 weights of a row, as TQ2_0 stores them, but found one for every 64 weights of a row; choose another type, or auto for the smallest that fits',
    ],
    [
      'q2_0',
      'inexact',
      trits(1, () => 0.0625 + 2 ** -20),
      'of scales that Q2_0 holds exactly, as 16-bit floats, but found 0.0625009536743164; choose I2_S or auto, or allow scales to be rounded (--allow-rounding, option allowRounding)',
    ],
    [
      'i2_s',
      'dense',
      (i) => (i % 7) / 16,
      'of ternary weights, −s, 0 or +s, but found sizes from 0.0625 to 0.375 within row 0; choose f16, bf16 or auto for a model that is not ternary',
    ],
  ];

  it.each(refused)('%s is refused for weights with %s', async (type, name, weight, what) => {
    const folder = temp(`${type}-${name}`);
    const error = await refusal(convertedMade(folder, { weight, dtype: 'F32' }, { type }));
    expect(error.code).toBe('ERR_BITNET_TYPE');
    const tensorName = 'tensor "model.layers.0.self_attn.q_proj.weight"';
    expect(error.message).toBe(`Expected ${tensorName} of "${folder}" to be ${what}.`);
    expect(
      readdirSync(dirname(folder)).filter((file) => file.startsWith(`${basename(folder)}.gguf`)),
    ).toEqual([]);
  });

  it('rounds scales to 16 bits where that is allowed', async () => {
    const weight = trits(1, () => 0.0625 + 2 ** -20);
    const options = { type: 'q2_0', allowRounding: true } as const;
    const { file } = await convertedMade(temp('rounded'), { weight, dtype: 'F32' }, options);
    const { data, rows, cols } = numbersOf(file, 'blk.0.attn_v.weight');
    expect(decodeTernary('Q2_0', data, rows, cols).scale(0, 0)).toBe(0.0625);
  });

  it.each([
    ['f16', 'F16', 1 / 3],
    ['bf16', 'BF16', 1 / 3],
  ] as const)('%s rounds every matrix to the nearest', async (type, name, value) => {
    const { types, file } = await convertedMade(
      temp(`to-${type}`),
      { weight: () => value, dtype: 'F32' },
      { type },
    );
    expect(types).toEqual({ F32: 3, [name]: 8 });
    const { data, rows, cols } = numbersOf(file, 'blk.0.attn_k.weight');
    const expected = { F16: 0.333251953125, BF16: 0.333984375 }[name];
    expect(new Set(decode(name, data, rows, cols))).toEqual(new Set([expected]));
  });

  it('f16 is refused for numbers beyond it', async () => {
    const made = convertedMade(
      temp('beyond'),
      { weight: () => 65520, dtype: 'BF16' },
      { type: 'f16' },
    );
    const error = await refusal(made);
    expect(error.message).toMatch(
      /to be of numbers that F16 can hold, but found larger ones; choose bf16 or auto\.$/,
    );
  });
});

describe('absmean', () => {
  const online = {
    quantization_config: {
      quant_method: 'bitnet',
      linear_class: 'autobitlinear',
      quantization_mode: 'online',
    },
  };

  it.each(['F16', 'F32'] as const)(
    'rounds halves of the scale to 0, of %s weights',
    async (dtype) => {
      // A mean of exactly 1/16: the sizes 1/32 and 3/32 in turns, the first of which are ties.
      const weight = (i: number) => (i % 4 < 2 ? 1 : -1) * (i % 2 === 0 ? 1 / 32 : 3 / 32);
      const { file } = await convertedMade(
        temp(`absmean-${dtype}`),
        { config: online, weight, dtype },
        { type: 'i2_s' },
      );
      const { data, rows, cols } = numbersOf(file, 'blk.0.ffn_gate.weight');
      const { trits: found, scale } = decodeTernary('I2_S', data, rows, cols);
      expect([...found.slice(0, 8)]).toEqual([0, 1, 0, -1, 0, 1, 0, -1]);
      expect(scale(0, 0)).toBe(1 / 16);
    },
  );

  it('keeps layers that are not to be converted as they are', async () => {
    const { quantization_config: quantization } = online;
    const except = {
      quantization_config: { ...quantization, modules_to_not_convert: ['down_proj'] },
    };
    const weight = (i: number) => (i % 5) / 16;
    const { file } = await convertedMade(temp('except'), { config: except, weight });
    expect(numbersOf(file, 'blk.0.ffn_down.weight').type).toBe('F16');
    expect(numbersOf(file, 'blk.0.ffn_up.weight').type).not.toBe('F16');
  });
});

describe('convertCheckpoint', () => {
  it('reports how far it has come, up to all bytes', async () => {
    const seen: ConvertProgress[] = [];
    await convertedMade(temp('progress'), {}, { onProgress: (progress) => seen.push(progress) });
    const bytes = seen.map((progress) => progress.bytes);
    expect([...bytes].sort((a, b) => a - b)).toEqual(bytes);
    expect(bytes.at(-1)).toBe(seen.at(-1)!.total);
    expect(new Set(seen.map(({ tensor }) => tensor)).size).toBe(11);
  });

  it('leaves nothing when it is aborted', async () => {
    const controller = new AbortController();
    const onProgress = ({ tensor }: ConvertProgress) => {
      if (tensor === 'blk.0.attn_k.weight') controller.abort();
    };
    const made = convertedMade(temp('aborted'), {}, { signal: controller.signal, onProgress });
    expect((await refusal(made)).code).toBe('ERR_BITNET_ABORTED');
    expect(existsSync(temp('aborted.gguf'))).toBe(false);
  });

  it('takes the safetensors file as well as its folder, and replaces nothing unasked', async () => {
    const folder = await madeCheckpoint(temp('one'));
    const { bytes } = await convertCheckpoint(`${folder}/model.safetensors`, temp('one.gguf'));
    writeFileSync(temp('there.gguf'), 'precious');
    const error = await refusal(convertCheckpoint(folder, temp('there.gguf')));
    expect(error.message).toMatch(
      /^Expected no file at ".*", but there is one; choose another name, or allow it to be replaced \(--overwrite, option overwrite\)\.$/,
    );
    expect((await convertCheckpoint(folder, temp('there.gguf'), { overwrite: true })).bytes).toBe(
      bytes,
    );
  });

  it('writes the divisors of Llama 3 as a tensor', async () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const rope_scaling = { ...scaling, original_max_position_embeddings: 64 };
    const { file, path } = await convertedMade(temp('llama3'), { config: { rope_scaling } });
    const { data } = numbersOf(file, 'rope_freqs.weight');
    const factors = new Float32Array(data.buffer, 0, 32);
    expect([factors[0], factors[31]]).toEqual([1, 8]);
    expect((await load(path)).spec.rope.scale).toBe(1);
  });

  it('refuses an option that it does not know', async () => {
    const wrong = convertCheckpoint(temp('one'), temp('x.gguf'), { typ: 'f16' } as object);
    await expect(wrong).rejects.toThrow(
      'Expected only known options, but received the option "typ"; did you mean type?',
    );
  });
});

describe('a minicpm', () => {
  it('has its scales and its LongRoPE', async () => {
    const factors = (factor: number) => Array.from({ length: 32 }, (_, i) => factor + i / 8);
    const config = {
      ...{ model_type: 'minicpm', architectures: ['MiniCPMForCausalLM'] },
      ...{ scale_emb: 12, scale_depth: 1.5, dim_model_base: 64 },
      rope_scaling: {
        rope_type: 'longrope',
        long_factor: factors(2),
        short_factor: factors(1),
        original_max_position_embeddings: 64,
      },
    };
    const { path, file } = await convertedMade(temp('minicpm'), { config });
    const { spec } = await load(path);
    const { embeddingScale, residualScale, logitScale } = spec;
    expect({ embeddingScale, residualScale, logitScale }).toEqual({
      ...{ embeddingScale: 12, residualScale: 1.5, logitScale: 4 },
    });
    const { longAbove, magnitude } = spec.rope;
    // Of Transformers: sqrt(1 + ln(128 / 64) / ln(64)).
    expect([longAbove, magnitude]).toEqual([
      64,
      Math.fround(Math.sqrt(1 + Math.log(2) / Math.log(64))),
    ]);
    const { data } = numbersOf(file, 'rope_factors_long.weight');
    expect([...new Float32Array(data.buffer, 0, 32)]).toEqual(factors(2));
  });

  it('is refused without a scale, and with factors of another length', async () => {
    const config = { model_type: 'minicpm', scale_emb: 12, scale_depth: 1.5 };
    const error = await refusal(convertedMade(temp('unscaled'), { config }));
    expect(error.message).toMatch(
      /Expected "dim_model_base" of .* to be a number from 0\.000001 to 1000000, but found no such entry/,
    );
    const rope_scaling = { type: 'longrope', long_factor: [1], short_factor: [1] };
    const scaled = { ...config, dim_model_base: 64, rope_scaling };
    const short = await refusal(convertedMade(temp('short'), { config: scaled }));
    expect(short.message).toMatch(/"rope_scaling\.long_factor" of .* to be an array of 32 numbers/);
  });
});
