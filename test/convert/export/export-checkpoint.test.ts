import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ConvertProgress } from '../../../lib/convert/convert-options.js';
import { exportCheckpoint } from '../../../lib/convert/export/export-checkpoint.js';
import { openCheckpoint } from '../../../lib/safetensors/checkpoint.js';
import { readTensor } from '../../../lib/safetensors/read-tensor.js';
import { toFloat32 } from '../../../lib/safetensors/to-float32.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { type TinyModel, type TinyOptions, tinyModel } from '../../fixtures/tiny-model.js';
import { refusal } from '../../safetensors/raw-file.js';

const temp = tempFolder();
let round = 0;

/** A folder of its own with a model in it. */
async function made(options: TinyOptions, change?: (model: TinyModel) => void) {
  const folder = temp(`${++round}`);
  mkdirSync(folder);
  const model = tinyModel(options);
  change?.(model);
  const path = join(folder, 'model.gguf');
  await model.write(path);
  return { folder, path, output: join(folder, 'out') };
}

const configOf = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));

it('states biases and YaRN, and puts each tensor into the first file with room for it', async () => {
  const { path, output } = await made({
    arch: 'llama',
    biases: true,
    ropeScaling: 'yarn',
    ropeScale: 4,
  });
  const { files } = await exportCheckpoint(path, output, { maxShardBytes: 500_000 });
  expect(await configOf(output)).toMatchObject({
    ...{ model_type: 'llama', attention_bias: true, mlp_bias: true },
    rope_scaling: { rope_type: 'yarn', factor: 4 },
  });
  expect(readdirSync(output).sort()).toEqual([...files].sort());
  expect(files.length).toBeGreaterThan(3);
  const { tensors } = tinyModel({ arch: 'llama', biases: true });
  const written = await openCheckpoint(output);
  expect(written.size).toBe(tensors.size);

  // Neighbors in the file are half a head apart in the checkpoint.
  const bias = written.get('model.layers.1.self_attn.q_proj.bias')!;
  const found = toFloat32(bias, await readTensor(bias));
  const { bytes } = tensors.get('blk.1.attn_q.bias')!;
  const stored = new Float32Array(new Uint8Array(bytes).buffer);
  const [head, half] = [64, 32];
  for (const [row, value] of stored.entries()) {
    const inHead = row % head;
    expect(found[row - inHead + (inHead % 2) * half + Math.floor(inHead / 2)]).toBe(value);
  }
});

const hostile: readonly [
  what: string,
  options: TinyOptions,
  code: string,
  change?: (model: TinyModel) => void,
][] = [
  ['of another architecture', { arch: 'gemma3' }, 'MODEL'],
  ['with norms before projections', { arch: 'qwen3', projectionNorms: true }, 'MODEL'],
  ['with rotated weights', { arch: 'qwen3', rotation: 128 }, 'MODEL'],
  ['with a scaling that config.json cannot state', { arch: 'llama', ropeAttnFactor: 2 }, 'MODEL'],
  ['with divisors of the angles of its own', { arch: 'llama', ropeFreqs: true }, 'MODEL'],
  ['with a NaN', { arch: 'llama' }, 'TYPE', spoil('blk.1.ffn_norm.weight', 0xff)],
  ['with bytes that are no trits', {}, 'TYPE', spoil('blk.1.ffn_down.weight', 0xff)],
];

function spoil(name: string, byte: number) {
  return ({ tensors }: TinyModel) => {
    tensors.get(name)!.bytes.fill(byte, 0, 8);
  };
}

it.each(hostile)(
  'a model %s is refused, and nothing is written',
  async (_, options, code, change) => {
    const { folder, path, output } = await made(options, change);
    const error = await refusal(exportCheckpoint(path, output));
    expect([error.code, error.message]).toEqual([`ERR_BITNET_${code}`, error.message]);
    expect(readdirSync(folder)).toEqual(['model.gguf']);
  },
);

it('a file cut short is refused, and nothing is written', async () => {
  const { folder, path, output } = await made({});
  truncateSync(path, 100_000);
  expect((await refusal(exportCheckpoint(path, output))).code).toBe('ERR_BITNET_GGUF');
  expect(readdirSync(folder)).toEqual(['model.gguf']);
});

it('replaces no folder with files in it', async () => {
  const { path, output } = await made({});
  mkdirSync(output);
  await exportCheckpoint(path, output);
  const names = readdirSync(output);
  writeFileSync(join(output, 'mine'), '');
  expect((await refusal(exportCheckpoint(path, output))).message).toMatch(
    /^Expected a new name or an empty folder at ".*", but there is one with files in it; choose another name\.$/,
  );
  expect(readdirSync(output).sort()).toEqual([...names, 'mine'].sort());
});

it('stops at a signal, and leaves nothing', async () => {
  const { folder, path, output } = await made({});
  const controller = new AbortController();
  const { signal } = controller;
  const onProgress = ({ bytes, total }: ConvertProgress) => {
    if (bytes > 0.7 * total) controller.abort();
  };
  const { code } = await refusal(exportCheckpoint(path, output, { signal, onProgress }));
  expect(code).toBe('ERR_BITNET_ABORTED');
  expect(readdirSync(folder)).toEqual(['model.gguf']);
});
