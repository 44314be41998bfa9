import { describe, expect, it } from 'vitest';
import { GgufStrings } from '../../../lib/gguf/array.js';
import type { GgufValueType } from '../../../lib/gguf/value-types.js';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { damaged, notYet, PaperModel, refusal } from '../paper-model.js';

const section = 'prism.hadamard';

function strings(values: readonly string[]): GgufStrings {
  const starts: number[] = [];
  const parts = values.map((value) => Buffer.concat([Buffer.alloc(8), Buffer.from(value)]));
  let at = 0;
  for (const part of parts) {
    starts.push(at + 8);
    at += part.length;
  }
  const bytes = Buffer.concat(parts);
  return new GgufStrings(bytes, Uint32Array.from([...starts, bytes.length + 8]));
}

const parts = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
const folded = [0, 1].flatMap((layer) => parts.map((part) => `blk.${layer}.${part}.weight`));

/** A model of widths 128 and 192 whose matrices are all rotated. */
class Rotated extends PaperModel {
  constructor(options: ConstructorParameters<typeof PaperModel>[0] = {}) {
    super({ arch: 'qwen3', tied: false, ...options });
    this.own('version', 'u32', 1);
    this.own('block_size', 'i64', 64);
    this.own('transform', 'string', 'normalized-sylvester-walsh-hadamard');
    this.own('axis', 'string', 'input-last-dimension');
    this.own('sign_mode', 'string', 'explicit');
    this.setArray(`${section}.sign_widths`, 'i32', [128, 192]);
    this.signs(Array.from({ length: 320 }, (_, i) => (i % 3 === 0 ? -1 : 1)));
    this.names('weight_names', [...folded, 'output.weight']);
    this.names('inverse_weight_names', ['token_embd.weight']);
  }

  own(key: string, type: GgufValueType, value: string | number | boolean): this {
    return this.set(`${section}.${key}`, type, value);
  }

  names(key: string, values: readonly string[]): this {
    return this.set(`${section}.${key}`, 'array', strings(values));
  }

  signs(values: readonly number[]): this {
    return this.setArray(`${section}.sign_values`, 'i32', values);
  }
}

describe('a rotation of inputs', () => {
  it('is of the matrices that the file names, and of the embedding', () => {
    const { rotation, tensors, decisions } = readSpec(new Rotated().file);
    expect(rotation).toMatchObject({ block: 64, grouped: false });
    expect(rotation!.signs.map(({ length }) => length)).toEqual([128, 192]);
    expect([...rotation!.signs[1]!.subarray(0, 4)]).toEqual([1, -1, 1, 1]);
    const rotated = tensors.filter((tensor) => tensor.rotated).map(({ name }) => name);
    expect(rotated.toSorted()).toEqual(
      [...folded, 'output.weight', 'token_embd.weight'].toSorted(),
    );
    expect(decisions).toContainEqual({
      subject: 'Hadamard rotation',
      choice: '15 matrices, in blocks of 64',
      reason: expect.stringContaining('prism.hadamard'),
    });
  });

  it('needs no signs, and no head of its own in version 2', () => {
    const plain = new Rotated().own('sign_mode', 'string', 'identity');
    expect(readSpec(plain.file).rotation!.signs).toEqual([]);
    const tied = new Rotated({ tied: true }).own('version', 'u32', 2).names('weight_names', folded);
    expect(readSpec(tied.own('tied_output', 'bool', true).file).rotation!.block).toBe(64);
  });

  const missing = folded.filter((name) => name !== 'blk.1.ffn_up.weight');
  it.each<[string, PaperModel, field: string, expected: string, found: string, advice?: string]>([
    [
      'an entry of their own',
      new Rotated().set('prism.router', 'u32', 1),
      'prism.router',
      'absent',
      'a step of a graph of PrismML’s',
      notYet,
    ],
    [
      'another entry',
      new Rotated().own('scale', 'f32', 2),
      `${section}.scale`,
      'absent',
      'a step of a graph of PrismML’s',
      notYet,
    ],
    [
      'no version',
      new Rotated().drop(`${section}.version`),
      `${section}.version`,
      'an integer from 1 to 2',
      'no such entry',
    ],
    [
      'version 3',
      new Rotated().own('version', 'u32', 3),
      `${section}.version`,
      'an integer from 1 to 2',
      'the u32 3',
    ],
    [
      'version 2 with a head',
      new Rotated().own('version', 'u32', 2),
      `${section}.tied_output`,
      'false in version 2 with an output.weight',
      'no such entry',
      notYet,
    ],
    [
      'version 1 without a head',
      new Rotated({ tied: true }).names('weight_names', folded),
      `${section}.tied_output`,
      'true in version 1 without an output.weight',
      'no such entry',
      notYet,
    ],
    [
      'blocks of 48',
      new Rotated().own('block_size', 'u32', 48),
      `${section}.block_size`,
      'a power of two',
      'the u32 48',
      notYet,
    ],
    [
      'blocks of 2^31',
      new Rotated().own('block_size', 'u32', 2 ** 31),
      `${section}.block_size`,
      'an integer from 16 to 65536',
      'the u32 2147483648',
    ],
    [
      'blocks that do not divide',
      new Rotated().own('block_size', 'u32', 128),
      `${section}.block_size`,
      'a divisor of the 192 columns of "blk.0.ffn_down.weight"',
      '128',
    ],
    [
      'another transform',
      new Rotated().own('transform', 'string', 'dct'),
      `${section}.transform`,
      '"normalized-sylvester-walsh-hadamard"',
      'the text "dct"',
      notYet,
    ],
    [
      'another axis',
      new Rotated().drop(`${section}.axis`),
      `${section}.axis`,
      '"input-last-dimension"',
      'no such entry',
      notYet,
    ],
    [
      'other signs',
      new Rotated().own('sign_mode', 'string', 'seed'),
      `${section}.sign_mode`,
      '"explicit" or "identity"',
      'the text "seed"',
      notYet,
    ],
    [
      'a sign of 0',
      new Rotated().signs(Array.from({ length: 320 }, (_, i) => i)),
      `${section}.sign_values`,
      '1 or −1 everywhere',
      '0',
    ],
    [
      'too few signs',
      new Rotated().signs([1, 1]),
      `${section}.sign_values`,
      'an array of 320, the sum of sign_widths',
      'an array of 2 i32',
    ],
    [
      'a width without signs',
      new Rotated().setArray(`${section}.sign_widths`, 'i32', [128]).signs(Array(128).fill(1)),
      `${section}.sign_widths`,
      'to have 192, the columns of "blk.0.ffn_down.weight"',
      '128',
    ],
    [
      'the same width twice',
      new Rotated().setArray(`${section}.sign_widths`, 'i32', [128, 128]),
      `${section}.sign_widths`,
      'different integers from 1 to 262144',
      '128, 128',
    ],
    [
      'a width of 2^31',
      new Rotated().setArray(`${section}.sign_widths`, 'u32', [2 ** 31]),
      `${section}.sign_widths`,
      'different integers from 1 to 262144',
      '2147483648',
    ],
    [
      'an unknown matrix',
      new Rotated().names('weight_names', ['blk.9.x.weight']),
      `${section}.weight_names`,
      'names of tensors that can be rotated here (attn_q, attn_k, attn_v, attn_qkv, attn_gate, ffn_gate, ffn_up, attn_output, ssm_out, ffn_down, output)',
      '"blk.9.x.weight"',
      notYet,
    ],
    [
      'a rotated norm',
      new Rotated().names('inverse_weight_names', ['output_norm.weight']),
      `${section}.inverse_weight_names`,
      'names of tensors that can be rotated here (token_embd)',
      '"output_norm.weight"',
      notYet,
    ],
    [
      'one of two that share an input',
      new Rotated().names('weight_names', missing),
      `${section}.weight_names`,
      'of all or none of ffn_gate, ffn_up of a layer, which read the same',
      '"blk.1.ffn_up.weight" without the others',
      notYet,
    ],
    [
      'state spaces beside attention',
      new Rotated({ arch: 'falcon-h1' }),
      `${section}.weight_names`,
      'absent from a model with state spaces',
      'an array of 15 string',
      notYet,
    ],
    [
      'a flag that is none',
      new Rotated().own('gdn_v_grouped', 'u32', 1),
      `${section}.gdn_v_grouped`,
      'true or false',
      'the u32 1',
    ],
  ])('is refused with %s', (_, model, field, expected, found, advice = damaged) => {
    expect(refusal(model).message).toBe(
      `Expected metadata "${field}" of "paper.gguf" to be ${expected}, but found ${found}; ${advice}.`,
    );
  });

  it('is refused where projections have norms of their own', () => {
    const model = new Rotated({ projectionNorms: true });
    expect(refusal(model).message).toContain('a norm before every projection');
  });
});
