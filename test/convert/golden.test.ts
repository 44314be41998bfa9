import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type ConvertOptions, convertCheckpoint } from '../../lib/convert/convert.js';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { decode, decodeTernary } from '../fixtures/decode.js';
import type { TernaryType } from '../fixtures/encode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { difference } from '../reference/difference.js';
import { describeShared, sharedPath } from '../shared.js';

const temp = tempFolder();
const load = modelLoader();

/** What expected.json of a checkpoint says. */
interface Expected {
  readonly arch: string;
  readonly tensors: Readonly<Record<string, ExpectedTensor>>;
  readonly hyperparameters: Readonly<Record<string, number | string>>;
  readonly tied: boolean;
  readonly logits: Readonly<Record<string, string>>;
}

interface ExpectedTensor {
  /** [rows, cols] */
  readonly shape: readonly [number, number];
  readonly trits_sha256?: string;
  readonly scale?: number;
  readonly row_blocks?: readonly { readonly first_row: number; readonly scale: number }[];
  readonly group_scales?: Readonly<Record<string, readonly number[]>>;
  readonly group_scales_f32_sha256?: string;
  readonly values_f32_sha256?: string;
  readonly values?: readonly number[];
  readonly first?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

const folderOf = (name: string) => sharedPath(`golden/hf/${name}`);

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(folderOf(name), 'expected.json'), 'utf8'));
}

async function converted(name: string, options?: ConvertOptions): Promise<GgufFile> {
  const path = temp(`${name}-${options?.type ?? 'auto'}.gguf`);
  await convertCheckpoint(folderOf(name), path, { ...options, overwrite: true });
  return readGguf(path);
}

/** A tensor's bytes in a file, and what it says of them. */
function tensorOf(file: GgufFile, name: string) {
  const tensor = file.tensors.find((candidate) => candidate.name === name)!;
  const { offset, bytes, type, dims } = tensor;
  const data = readFileSync(file.path).subarray(offset, offset + bytes);
  return { type, data: new Uint8Array(data), cols: dims[0]!, rows: dims[1] ?? 1 };
}

function sha256(array: Int8Array | Float32Array): string {
  return createHash('sha256').update(new Uint8Array(array.buffer)).digest('hex');
}

const folders: readonly (readonly [name: string, types: string])[] = [
  ['bitnet-2b4t-packed', 'I2_S'],
  ['bitnet-2b4t-online', 'I2_S'],
  ['onebitllm-master', 'I2_S'],
  ['falcon3-packed', 'I2_S'],
  ['trilm-unpacked', 'I2_S Q2_0'],
  ['bonsai-unpacked', 'Q2_0'],
  ['llama-plain', 'F16'],
  ['qwen2-plain', 'BF16'],
];

describeShared('a checkpoint converted', () => {
  it.each(folders)(
    '%s has the types %s, trits, scales and numbers of expected.json',
    async (name, types) => {
      const { tensors, arch, tied, hyperparameters } = expectedOf(name);
      const file = await converted(name);
      const used = new Set<string>();
      for (const [tensorName, tensor] of Object.entries(tensors)) {
        const found = tensorOf(file, tensorName);
        if (/blk.*weight/.test(tensorName)) used.add(found.type);
        if (tensor.trits_sha256 === undefined) checkNumbers(found, tensor);
        else checkTrits(found, tensor);
      }
      expect([...used].sort().join(' ')).toBe(types);
      expect(file.metadata.get('general.architecture')).toBe(arch);
      expect(file.tensors.some((tensor) => tensor.name === 'output.weight')).toBe(!tied);
      for (const [key, value] of Object.entries(hyperparameters)) {
        if (key === 'head_dim' || key === 'activation') continue;
        const stated = file.metadata.get(`${arch}.${key}`);
        expect([key, stated]).toEqual([
          key,
          typeof value === 'number' && !Number.isInteger(value) ? Math.fround(value) : value,
        ]);
      }
    },
  );

  it.each(folders)('%s gives the logits of expected.json', async (name) => {
    const { logits, hyperparameters } = expectedOf(name);
    const model = await load((await converted(name)).path);
    expect(model.spec.activation).toBe(hyperparameters.activation);
    expect(model.spec.headDim).toBe(hyperparameters.head_dim);
    const ids = readFileSync(join(folderOf(name), 'tokens.txt'), 'utf8')
      .trim()
      .split(/\s+/);
    const [rule, file] = Object.entries(logits)[0]!;
    const bytes = readFileSync(join(folderOf(name), file));
    const expected = new Float32Array(new Uint8Array(bytes).buffer);
    const actual = await allLogits(model, ids.map(Number));
    expect(difference(actual, expected).rms).toBeLessThan(rule === 'tok8-kv16' ? 1e-5 : 1e-4);
  });
});

type Found = ReturnType<typeof tensorOf>;

function checkTrits({ type, data, rows, cols }: Found, expected: ExpectedTensor): void {
  expect([rows, cols]).toEqual(expected.shape);
  const { trits, scale } = decodeTernary(type as TernaryType, data, rows, cols);
  expect(sha256(trits)).toBe(expected.trits_sha256);
  if (expected.scale !== undefined) expect(scale(0, 0)).toBe(Math.fround(expected.scale));
  for (const { first_row, scale: value } of expected.row_blocks ?? []) {
    expect(scale(first_row, 0)).toBe(value);
  }
  if (expected.group_scales === undefined) return;
  const groups = cols / 128;
  const scales = Float32Array.from({ length: rows * groups }, (_, i) => {
    const [row, col] = [Math.floor(i / groups), (i % groups) * 128];
    expect(scale(row, col)).toBe(scale(row, col + 64));
    return scale(row, col);
  });
  expect(sha256(scales)).toBe(expected.group_scales_f32_sha256);
}

function checkNumbers({ type, data, rows, cols }: Found, expected: ExpectedTensor): void {
  const values = Float32Array.from(decode(type as 'F16', data, rows, cols));
  if (expected.values_f32_sha256 !== undefined) {
    expect([rows, cols]).toEqual(expected.shape);
    expect(sha256(values)).toBe(expected.values_f32_sha256);
  }
  if (expected.values !== undefined) expect([...values]).toEqual(expected.values);
  if (Array.isArray(expected.first)) expect([...values.subarray(0, 4)]).toEqual(expected.first);
}
