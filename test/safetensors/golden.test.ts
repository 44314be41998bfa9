import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../lib/safetensors/checkpoint.js';
import { readTensor } from '../../lib/safetensors/read-tensor.js';
import { toFloat32 } from '../../lib/safetensors/to-float32.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { describeShared, hasShared, sharedPath } from '../shared.js';
import { refusal } from './raw-file.js';

const temp = tempFolder();
const hostile = sharedPath('golden/hf/hostile');

/** A case of INDEX.json: files laid over those of `base`. */
interface Overlay {
  readonly case: string;
  readonly must: string;
  readonly files?: readonly string[];
  readonly delete?: readonly string[];
}

/** Of the container (`st-`) and of the index (`ix-`), which is what can be told without a model. */
const overlays: readonly Overlay[] = hasShared
  ? JSON.parse(readFileSync(join(hostile, 'INDEX.json'), 'utf8')).cases.filter((overlay: Overlay) =>
      /^(?:st|ix)-/.test(overlay.case),
    )
  : [];

/** Whose tensors are all there; every other must be refused, or may be. */
const sound = ['st-proto-name', 'ix-ok'];

async function folderOf({ case: name, files = [], delete: gone = [] }: Overlay): Promise<string> {
  const folder = temp(name);
  await cp(join(hostile, 'base'), folder, { recursive: true });
  for (const file of gone) await rm(join(folder, file));
  for (const file of files) await cp(join(hostile, name, file), join(folder, file));
  return folder;
}

/** The bytes of all tensors by name. */
async function contents(folder: string): Promise<Map<string, string>> {
  const read = new Map<string, string>();
  for (const [name, tensor] of await openCheckpoint(folder)) {
    read.set(name, (await readTensor(tensor)).toString('hex'));
  }
  return read;
}

describeShared('A hostile checkpoint', () => {
  it.each(overlays.filter((overlay) => !sound.includes(overlay.case)))(
    '$case is refused in one sentence',
    async (overlay) => {
      expect(overlay.must).toMatch(/^refuse/);
      const error = await refusal(openCheckpoint(await folderOf(overlay)));
      expect(error.code).toMatch(/^ERR_BITNET_(?:SAFETENSORS|FILE)$/);
    },
  );

  it.each(overlays.filter((overlay) => sound.includes(overlay.case)))(
    '$case has the tensors of the sound one',
    async (overlay) => {
      const read = await contents(await folderOf(overlay));
      if (overlay.case === 'st-proto-name') expect(read.delete('__proto__')).toBe(true);
      const base = await contents(join(hostile, 'base'));
      expect([...read].sort()).toEqual([...base].sort());
    },
  );

  it('is one of 50', () => {
    expect(overlays).toHaveLength(50);
  });
});

const folders = [
  'bitnet-2b4t-online',
  'bitnet-2b4t-packed',
  'bonsai-unpacked',
  'falcon3-packed',
  'llama-plain',
  'onebitllm-master',
  'qwen2-plain',
  'trilm-unpacked',
];

describeShared('A checkpoint of another program', () => {
  it.each(folders)('%s has the numbers that it should', async (name) => {
    const folder = sharedPath(`golden/hf/${name}`);
    const { tensors: expected } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const tensors = await openCheckpoint(folder);
    const floats = async (tensorName: string) => {
      const tensor = tensors.get(tensorName)!;
      return toFloat32(tensor, await readTensor(tensor));
    };
    const embedding = await floats('model.embed_tokens.weight');
    const hash = createHash('sha256').update(new Uint8Array(embedding.buffer)).digest('hex');
    expect(hash).toBe(expected['token_embd.weight'].values_f32_sha256);
    expect(tensors.get('model.embed_tokens.weight')!.shape).toEqual(
      expected['token_embd.weight'].shape,
    );
    const norm = [...(await floats('model.norm.weight'))].slice(0, 4);
    expect(norm).toEqual(expected['output_norm.weight'].first);
    const shards = new Set([...tensors.values()].map(({ file }) => file.path));
    expect(shards.size).toBe(existsSync(join(folder, 'model.safetensors')) ? 1 : 2);
  });
});
