import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  type AdapterResult,
  convertAdapter,
} from '../../../lib/convert/adapter/convert-adapter.js';
import { readGguf } from '../../../lib/gguf/reader.js';
import type { GgufFile } from '../../../lib/gguf/types.js';
import { openCheckpoint } from '../../../lib/safetensors/checkpoint.js';
import { readTensor } from '../../../lib/safetensors/read-tensor.js';
import { toFloat32 } from '../../../lib/safetensors/to-float32.js';
import { decode } from '../../fixtures/decode.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { describeShared, sharedPath } from '../../shared.js';

const temp = tempFolder();
const lora = (name: string) => sharedPath(`golden/lora/${name}`);

const bases: Readonly<Record<string, string>> = {
  llama: sharedPath('golden/mix/mix-llama-i2s.gguf'),
  bitnet: sharedPath('golden/tiny-bitnet-i2s.gguf'),
  b158: sharedPath('golden/mix/mix-b158-i2s.gguf'),
};

async function converted(name: string): Promise<AdapterResult & { readonly file: GgufFile }> {
  const base = bases[name.replace(/-.*/, '')]!;
  const result = await convertAdapter(lora(name), temp(`${name}.gguf`), { base, overwrite: true });
  return { ...result, file: await readGguf(result.path) };
}

/** By name, the type, shape and bytes of each tensor. */
function contents({ path, tensors }: GgufFile) {
  const bytes = readFileSync(path);
  return new Map(
    tensors.map(({ name, type, dims, offset, bytes: length }) => [
      name,
      { type, dims, data: bytes.subarray(offset, offset + length).toString('hex') },
    ]),
  );
}

/** The numbers of a tensor, row by row. */
function numbers({ path, tensors }: GgufFile, name: string): Float64Array {
  const { type, dims, offset, bytes } = tensors.find((tensor) => tensor.name === name)!;
  const data = new Uint8Array(readFileSync(path).subarray(offset, offset + bytes));
  return decode(type as 'F32', data, dims[1]!, dims[0]!);
}

const equal = [
  ['llama-peft-1', 'llama-1-f32.gguf'],
  ['llama-peft-2', 'llama-2-f16.gguf'],
  ['bitnet-peft-1', 'bitnet-1-f32.gguf'],
  ['bitnet-peft-2', 'bitnet-2-f16.gguf'],
  ['b158-peft-1', 'b158-1-f16.gguf'],
] as const;

/** What B (A x) of a module is multiplied by, as adapter_config.json of these means it. */
const factors: Readonly<Record<string, (module: string) => number>> = {
  'llama-peft-rslora': () => 4 / Math.sqrt(5),
  'bitnet-peft-rslora': () => 4 / Math.sqrt(5),
  'llama-peft-pattern': (module) => {
    if (module === '1.mlp.down_proj') return 5 / 5;
    if (/^[02]\.self_attn\.o_proj$/.test(module)) return 6 / 2;
    if (/q_proj/.test(module)) return 9 / 3;
    return (/v_proj/.test(module) ? 1 : 4) / 2;
  },
  'bitnet-peft-pattern': (module) => {
    if (module === '0.mlp.gate_proj') return 7 / 2;
    if (/o_proj/.test(module)) return 2 / 4;
    return module === '1.mlp.up_proj' ? 4 / 1 : 4 / 2;
  },
};

const parts: Readonly<Record<string, string>> = {
  ...{ q_proj: 'attn_q', k_proj: 'attn_k', v_proj: 'attn_v', o_proj: 'attn_output' },
  ...{ gate_proj: 'ffn_gate', up_proj: 'ffn_up', down_proj: 'ffn_down' },
};

describeShared('A LoRA adapter of PEFT converted', () => {
  it.each(equal)('%s has the tensors and the alpha of %s, bit for bit', async (name, golden) => {
    const { file, decisions } = await converted(name);
    const expected = await readGguf(lora(golden));
    expect(contents(file)).toEqual(contents(expected));
    for (const key of [
      'general.architecture',
      'general.type',
      'adapter.type',
      'adapter.lora.alpha',
    ]) {
      expect(file.metadata.get(key)).toBe(expected.metadata.get(key));
    }
    expect(decisions).toEqual([]);
  });

  it.each(Object.keys(factors))('%s multiplies by the factor of each layer', async (name) => {
    const { file } = await converted(name);
    const alpha = file.metadata.get('adapter.lora.alpha') as number;
    const tensors = await openCheckpoint(`${lora(name)}/adapter_model.safetensors`);
    const headDim = 64;
    for (const [key, tensor] of tensors) {
      const [, layer, part, half] = /layers\.(\d+)\.(.+)\.lora_([AB])\.weight$/.exec(key)!;
      const own = toFloat32(tensor, await readTensor(tensor));
      const projection = parts[part!.replace(/.*\./, '')]!;
      const tensorName = `blk.${layer}.${projection}.weight.lora_${half!.toLowerCase()}`;
      const found = numbers(file, tensorName);
      if (half === 'A') {
        expect([...found]).toEqual([...own]);
        continue;
      }
      const [rows, rank] = tensor.shape as [number, number];
      const factor = factors[name]!(`${layer}.${part}`);
      const permuted = name.startsWith('llama') && /attn_[qk]/.test(projection);
      for (let row = 0; row < rows; row++) {
        const inHead = row % headDim;
        const from = permuted
          ? row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2)
          : row;
        for (let col = 0; col < rank; col++) {
          const delta = (found[row * rank + col]! * alpha) / rank;
          const expected = own[from * rank + col]! * factor;
          expect(Math.abs(delta - expected)).toBeLessThanOrEqual(3e-7 * Math.abs(expected));
        }
      }
    }
  });

  it('keeps its numbers where all layers have the same alpha times root of rank', async () => {
    const { decisions, types, alpha } = await converted('llama-peft-rslora');
    expect([decisions, Object.keys(types), alpha]).toEqual([
      [],
      ['BF16'],
      Math.fround(4 * Math.sqrt(5)),
    ]);
  });
});
