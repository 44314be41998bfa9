import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BitnetError } from '../../lib/index.js';
import { difference, worstRow } from '../reference/difference.js';
import { refusal } from '../safetensors/raw-file.js';
import { describeShared, hasShared, sharedPath } from '../shared.js';
import { allLogits, modelLoader } from './engine.js';

const load = modelLoader();
const vocabSize = 512;
const lora = (name: string) => sharedPath(`golden/lora/${name}`);

const bases: Readonly<Record<string, string>> = {
  llama: 'golden/mix/mix-llama',
  bitnet: 'golden/tiny-bitnet',
  b158: 'golden/mix/mix-b158',
};

/** The GGUF files of each family's adapters, by number. */
const files: Readonly<Record<string, readonly string[]>> = {
  llama: ['llama-1-f32.gguf', 'llama-2-f16.gguf'],
  bitnet: ['bitnet-1-f32.gguf', 'bitnet-2-f16.gguf'],
  b158: ['b158-1-f16.gguf'],
};

function idsOf(family: string, what: string): number[] {
  const text = readFileSync(lora(`tokens-${family}-${what}.txt`), 'utf8');
  return text.trim().split(/\s+/).map(Number);
}

function golden(engine: string, family: string, what: string, rule: string): Float32Array {
  const bytes = readFileSync(lora(`logits-${engine}-${family}-${what}-${rule}.bin`));
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** Paths and scales of '1', '1x0.5', '1+2', 'rslora'. */
function usesOf(family: string, what: string, peft: boolean): [path: string, scale: number][] {
  if (what === 'none') return [];
  return what.split('+').map((part) => {
    const [name, scale = '1'] = part.split('x') as [string, string?];
    const file = files[family]![Number(name) - 1];
    return [lora(peft || file === undefined ? `${family}-peft-${name}` : file), Number(scale)];
  });
}

async function logitsOf(family: string, what: string, type: string, peft = false) {
  const model = await load(sharedPath(`${bases[family]}-${type}.gguf`));
  const adapters = [];
  for (const [path, scale] of usesOf(family, what, peft)) {
    adapters.push({ adapter: await model.loadAdapter(path), scale });
  }
  return allLogits(model, idsOf(family, what), undefined, { adapters });
}

const cases = [
  ...['none', '1', '1x0.5', '1+2', 'rslora', 'pattern'].flatMap((what) => [
    ['llama', what] as const,
    ['bitnet', what] as const,
  ]),
  ...['none', '1', '1x0.5'].map((what) => ['b158', what] as const),
];

describeShared('LoRA adapters give the logits of float64', () => {
  it.each(cases)('%s %s, at every position', async (family, what) => {
    const types = family === 'b158' ? ['i2s'] : ['i2s', 'tq2_0'];
    const expected = golden('numpy', family, what, 'tok8-kv16');
    for (const type of types) {
      const logits = await logitsOf(family, what, type);
      expect(worstRow(logits, expected, vocabSize).rms, type).toBeLessThan(1e-5);
      if (/^\d/.test(what) && type === 'i2s') {
        const same = await logitsOf(family, what, type, true);
        expect(Buffer.from(same.buffer).equals(Buffer.from(logits.buffer)), 'PEFT').toBe(true);
      }
    }
    const exact = await logitsOf(family, what, 'f16');
    const dense = golden('numpy', family, what, 'none-kv16');
    expect(difference(exact, dense).rms).toBeLessThan(1e-4);
  });

  it.each([
    ['llama', '1'],
    ['llama', '1+2'],
    ['bitnet', '1'],
    ['bitnet', '1+2'],
  ])('and of llama.cpp as close as without adapters: %s %s', async (family, what) => {
    const exact = await logitsOf(family, what, 'f16');
    expect(difference(exact, golden('mainline', family, what, 'f16-batch')).rms).toBeLessThan(2e-3);
    if (what !== '1+2') return; // there are no others of ternary weights
    const ternary = await logitsOf(family, what, 'tq2_0');
    const theirs = golden('mainline', family, what, 'tq2_0-batch');
    expect(difference(ternary, theirs).rms).toBeLessThan(0.03);
  });
});

const bad = hasShared ? readdirSync(lora('bad')).filter((name) => name !== 'INDEX.md') : [];
const sound = (name: string) => /^(peft-)?ok-/.test(name);

describeShared('A bad adapter', () => {
  const base = () => load(sharedPath(`${bases.llama}-i2s.gguf`));

  it.each(bad.filter((name) => !sound(name)))('%s is refused in one sentence', async (name) => {
    const error = (await refusal(
      (await base()).loadAdapter(join(lora('bad'), name)),
    )) as BitnetError;
    expect(error.code).toMatch(/^ERR_BITNET_(GGUF|SAFETENSORS|FILE|MODEL|TYPE)$/);
  });

  it.each(bad.filter(sound))('is not %s', async (name) => {
    const adapter = await (await base()).loadAdapter(join(lora('bad'), name));
    expect(adapter.decisions.length).toBe(name === 'ok-norm-tensor.gguf' ? 1 : 0);
    await adapter.close();
  });
});
