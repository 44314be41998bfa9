import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import { typeNamed } from '../../lib/gguf/tensor-types.js';
import { BitnetError, loadModel, type Model } from '../../lib/index.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyAdapter, tinyAdapter } from '../fixtures/tiny-adapter.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { type Draw, drawing } from './draw.js';

// As in mutants.test.ts.
const loads = Number(process.env.BITNET_FUZZ_LOADS || 150);
const first = Number(process.env.BITNET_FUZZ_FIRST || 1);
vi.mock('../../lib/package-root.js', async (original) => {
  const module = await original<typeof import('../../lib/package-root.js')>();
  return { ...module, packageRoot: process.env.BITNET_FUZZ_PACKAGE || module.packageRoot };
});

const temp = tempFolder();
const base = tinyModel({ nLayer: 1, nKvHead: 2, vocabSize: 300 });
let model: Model;
beforeAll(async () => {
  await base.write(temp('model.gguf'));
  model = await loadModel(temp('model.gguf'), { threads: 2 });
  return () => model.close();
});

const awkward = [0, 1, 2, 3, 15, 16, 17, 31, 33, 255, 256, 257, 2 ** 31, 2 ** 40];

/** A writer takes numbers for whatever they are. */
const idOf = (type: string | number) => (typeof type === 'string' ? typeNamed(type)!.id : type);

/** Each says what it did. */
const mutations: readonly ((adapter: TinyAdapter, draw: Draw) => string)[] = [
  ({ tensors }, draw) => {
    const tensor = draw.of([...tensors.values()]);
    const dims = [...tensor.dims];
    dims[draw.of([0, 1])] = draw.of(awkward);
    tensors.set(tensor.name, { ...tensor, dims, type: idOf(tensor.type) });
    return `${tensor.name} is [${dims}]`;
  },
  ({ tensors }, draw) => {
    const tensor = draw.of([...tensors.values()]);
    const type = draw.of(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q6_K'] as const);
    tensors.set(tensor.name, { ...tensor, type: idOf(type) });
    return `${tensor.name} is ${type}`;
  },
  ({ tensors }, draw) => {
    const tensor = draw.of([...tensors.values()]);
    const name = draw.of([
      ...[tensor.name.replace('blk.0', 'blk.1'), tensor.name.replace(/_[ab]$/, '_c')],
      ...[tensor.name.replace('lora_a', 'lora_b'), 'output.weight.lora_a', 'token_embd.weight'],
      ...[tensor.name.replace('attn_q', 'attn_k'), 'blk.0.attn_norm.weight', ''],
    ]);
    tensors.delete(tensor.name);
    tensors.set(name, { ...tensor, name });
    return `${tensor.name} is ${name}`;
  },
  ({ tensors }, draw) => {
    const { name } = draw.of([...tensors.values()]);
    tensors.delete(name);
    return `no ${name}`;
  },
  ({ tensors }, draw) => {
    const tensor = draw.of([...tensors.values()]);
    const bytes = Uint8Array.from(tensor.bytes, (byte) =>
      draw.chance(0.1) ? draw.of([0, 124, 255]) : byte,
    );
    tensors.set(tensor.name, { ...tensor, bytes });
    return `other bytes in ${tensor.name}`;
  },
  ({ metadata }, draw) => {
    const value = draw.of([0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY, 1e-40]);
    metadata.set('adapter.lora.alpha', { type: 'f32', value });
    return `alpha ${value}`;
  },
  ({ metadata }, draw) => {
    const key = draw.of([...metadata.keys()]);
    const value = draw.of([
      undefined,
      { type: 'u32', value: 7 },
      { type: 'string', value: 'lora' },
    ] as const);
    if (value) metadata.set(key, value);
    else metadata.delete(key);
    return `${key} is ${value?.value}`;
  },
];

async function mutantAt(path: string, seed: number): Promise<string> {
  const draw = drawing(random(seed));
  const adapter = tinyAdapter(base, {
    seed,
    rank: draw.of([1, 3, 16, 32]),
    type: draw.of(['F16', 'F32', 'BF16']),
    embedding: draw.chance(0.5),
  });
  const changes: string[] = [];
  for (let n = draw.of([0, 1, 1, 2]); n > 0 && adapter.tensors.size > 0; n--) {
    changes.push(draw.of(mutations)(adapter, draw));
  }
  // A writer that believes its caller would write what no file can hold; the reader's own tests have those.
  await adapter.write(path).catch(async (error) => {
    changes.push(`not written: ${error.message}`);
    await writeFile(path, '');
  });
  if (draw.chance(0.2)) {
    const bytes = await readFile(path);
    await writeFile(
      path,
      bytes.subarray(0, draw.of([0, 4, 23, bytes.length >> 1, bytes.length - 1])),
    );
    changes.push('cut off');
  }
  return changes.join('; ');
}

it(
  `an adapter of changed structure is refused or used, ${loads} times`,
  async () => {
    let used = 0;
    for (let seed = first; seed < first + loads; seed++) {
      const path = temp('mutant.gguf');
      const told = `mutant ${seed}: ${await mutantAt(path, seed)}`;
      await writeFile(temp('mutant.txt'), told);
      try {
        const adapter = await model.loadAdapter(path);
        const session = model.createSession({ adapters: [{ adapter }] });
        used++;
        await session.complete([1, 2, 299], { maxTokens: 2, temperature: 0 });
        session.close();
        await adapter.close();
      } catch (error) {
        expect(error, told).toBeInstanceOf(BitnetError);
        expect((error as BitnetError).code, told).not.toBe('ERR_BITNET_ARGUMENT');
      }
    }
    expect(used).toBeGreaterThan(0.15 * loads);
  },
  24 * 3600_000,
);
