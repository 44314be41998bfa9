import { describe, expect, it } from 'vitest';
import { GgufNumbers } from '../../../lib/gguf/array.js';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { PaperModel } from '../paper-model.js';

/** What is noted as ignored; all of it warns. */
function ignored({ file }: PaperModel) {
  const notes = readSpec(file).decisions.filter(({ subject }) => subject === 'ignored metadata');
  for (const { warning } of notes) expect(warning).toBe(true);
  return notes.map(({ choice, reason }) => ({ choice, reason }));
}

describe('entries that the graph does not compute', () => {
  const scalars = [
    ...['embedding_scale', 'residual_scale', 'logit_scale', 'rope.scaling.alpha'],
    ...['final_logit_softcapping', 'attn_logit_softcapping', 'attention.scale'],
    ...['attention.clamp_kqv', 'attention.max_alibi_bias', 'rope.scaling.yarn_log_multiplier'],
  ];

  it.each(scalars)('are noted where no graph of the architecture has them: %s', (key) => {
    for (const arch of ['llama', 'qwen2', 'qwen3', 'bitnet', 'bitnet-b1.58']) {
      const model = new PaperModel({ arch }).set(`.${key}`, 'f32', 0.5);
      const choice = `${arch}.${key}, the f32 0.5`;
      const reason = `models of architecture ${arch} are computed without it, as in llama.cpp`;
      expect(ignored(model)).toEqual([{ choice, reason }]);
      expect(ignored(model.set(`.${key}`, 'f32', 0))).toEqual([]);
      const array = new GgufNumbers('f32', Float32Array.of(1));
      expect(ignored(model.set(`.${key}`, 'array', array))).toHaveLength(1);
    }
  });

  it('are nothing to note where they do nothing', () => {
    const model = new PaperModel({ dim: 128, nHead: 4 })
      .set('.embedding_scale', 'f32', 1)
      .set('.residual_scale', 'f32', 1)
      .set('.logit_scale', 'f32', 1)
      .set('.attention.scale', 'f32', Math.fround(1 / Math.sqrt(32)))
      .set('.attention.sliding_window', 'u32', 4096)
      .set('.rope.scaling.finetuned', 'bool', true)
      .set('.tensor_data_layout', 'string', 'Meta AI original pth')
      .set('.expert_used_count', 'u32', 2)
      .set('.use_parallel_residual', 'bool', false)
      .set('.mm.tokens_per_image', 'u32', 256);
    expect(ignored(model)).toEqual([]);
  });

  it('are noted of gemma3 too, but for the soft cap that it has', () => {
    const model = new PaperModel({ arch: 'gemma3' })
      .set('.final_logit_softcapping', 'f32', 30)
      .set('.attn_logit_softcapping', 'f32', 50);
    const { logitSoftcapping } = readSpec(model.file);
    expect(logitSoftcapping).toBe(30);
    expect(ignored(model).map(({ choice }) => choice)).toEqual([
      'gemma3.attn_logit_softcapping, the f32 50',
    ]);
  });

  it('are noted of experts only where there are some', () => {
    const model = (arch: string) => new PaperModel({ arch }).set('.expert_bias_rate', 'f32', 0.5);
    expect(ignored(model('llama'))).toEqual([]);
    expect(ignored(model('maple')).map(({ choice }) => choice)).toEqual([
      '"maple.expert_bias_rate"',
    ]);
    const same = new PaperModel({ arch: 'maple' })
      .set('.expert_gating_func', 'u32', 1)
      .set('.expert_weights_norm', 'bool', true)
      .set('.expert_weights_scale', 'f32', 1);
    expect(ignored(same)).toEqual([]);
  });

  it('are noted where a window is shorter than the context and the graph has none', () => {
    const model = new PaperModel({ arch: 'llama' }).set('.attention.sliding_window', 'u32', 512);
    expect(ignored(model)).toHaveLength(1);
  });

  it('are noted together where nothing is known of them', () => {
    const model = new PaperModel({ arch: 'llama' })
      .set('.query_pre_attn_scalar', 'u32', 256)
      .set('.constructor', 'string', 'x');
    const reason = 'nothing is known here of what they would change';
    const choice = '"llama.query_pre_attn_scalar", "llama.constructor"';
    expect(ignored(model)).toEqual([{ choice, reason }]);
    for (let i = 0; i < 1000; i++) model.set(`.unknown${i}`, 'u32', 1);
    expect(ignored(model)[0]?.choice).toMatch(/"llama\.unknown2", and 997 more$/);
  });
});
