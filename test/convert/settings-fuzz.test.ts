import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readCheckpoint } from '../../lib/convert/read-checkpoint.js';
import { planTensors } from '../../lib/convert/tensors/plan.js';
import { BitnetError } from '../../lib/errors.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { config, madeCheckpoint } from './made-checkpoint.js';

const temp = tempFolder();

/** What a setting may be instead of what it should be. */
const hostile: readonly unknown[] = [
  ...[null, true, '', 'llama', '7', -1, 0, 0.5, 3, 1e9, 2 ** 53, -1e308, 1e308],
  ...[[], [null], {}, { factor: 0 }, { rope_type: 'yarn', factor: 1e300 }, [[[[1]]]]],
  ...[{ rope_type: 'longrope', long_factor: [1], short_factor: {} }, { model_type: 5 }],
];

/** Settings that some family reads. */
const keys = [
  ...Object.keys(config),
  ...['head_dim', 'hidden_act', 'rope_theta', 'rope_scaling', 'rope_parameters', 'layer_types'],
  ...['quantization_config', 'weight_bits', 'input_bits', 'sliding_window', 'use_sliding_window'],
  ...['num_experts', 'num_experts_per_tok', 'moe_intermediate_size', 'linear_conv_kernel_dim'],
  ...['linear_key_head_dim', 'linear_value_head_dim', 'linear_num_key_heads', 'text_config'],
  ...['linear_num_value_heads', 'partial_rotary_factor', 'scale_emb', 'final_logit_softcapping'],
];

const families = ['llama', 'bitnet', 'qwen2', 'qwen3', 'gemma3', 'minicpm', 'maple', 'qwen3_5'];

it('any settings plan a conversion or are refused in one sentence', async () => {
  const folder = await madeCheckpoint(temp('fuzzed'));
  const next = random(42);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!;
  let planned = 0;
  for (let round = 0; round < 200; round++) {
    const changed: Record<string, unknown> = { ...config, model_type: pick(families) };
    for (let n = Math.floor(next() * 4); n > 0; n--) changed[pick(keys)] = pick(hostile);
    await writeFile(`${folder}/config.json`, JSON.stringify(changed));
    try {
      planTensors(await readCheckpoint(folder));
      planned++;
    } catch (error) {
      if (!(error instanceof BitnetError)) throw error;
      expect(error.message).toMatch(/^Expected [^\p{C}]+\.$/u);
    }
  }
  expect(planned).toBeGreaterThan(3);
});
