import { describe, expect, it } from 'vitest';
import { memoryEstimate } from '../../../lib/model/load/memory.js';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { damaged, PaperModel, refusal } from '../paper-model.js';

const model = () => new PaperModel({ arch: 'falcon-h1' });
const field = (name: string) => `metadata "falcon-h1.ssm.${name}" of "paper.gguf"`;

describe('state spaces', () => {
  it('are beside the attention of every layer', () => {
    const spec = readSpec(model().file);
    expect(spec.recurrent).toEqual({
      layers: [true, true],
      stateSpace: true,
      ...{ taps: 4, nKeyHead: 2, nValueHead: 4, keyDim: 32, headDim: 32 },
    });
    expect(spec.unused).toEqual([]);
    const roles = spec.tensors.filter(({ layer }) => layer === 1).map(({ role }) => role);
    expect(roles).toContain('attn_q');
    expect(roles).toContain('ssm_in');
    expect(spec.tensors.find(({ name }) => name === 'blk.1.ssm_norm.weight')).toMatchObject({
      ...{ role: 'ssm_norm', rows: 1, cols: 128 },
    });
    expect(spec.tensors.find(({ role }) => role === 'ffn_norm')!.name).toBe('blk.0.ffn_norm');
  });

  it('take constant memory besides keys and values', () => {
    const spec = readSpec(model().set('.ssm.inner_size', 'u32', 128).file);
    const { states, kvPer1000Positions } = memoryEstimate(spec, []);
    const one = 2 * (4 * 32 * 32 + 3 * 256) * 4;
    expect(states.working % one).toBe(0);
    expect(states.working).toBeGreaterThan(0);
    expect(kvPer1000Positions.f16).toBe(1000 * 2 * 2 * 2 * 32 * 2);
  });

  it('may come without norms, without biases, and with the usual name of the other norm', () => {
    const file = model();
    for (const i of [0, 1]) {
      file.remove(`blk.${i}.ssm_norm.weight`).remove(`blk.${i}.ssm_conv1d.bias`);
      file.remove(`blk.${i}.ffn_norm`).add(`blk.${i}.ffn_norm.weight`, [128], 'F32');
    }
    expect(readSpec(file.file).unused).toEqual([]);
  });

  it.each<[string, PaperModel, string]>([
    [
      'without a size',
      model().drop('.ssm.inner_size'),
      `${field('inner_size')} to be an integer from 1 to 262144, but found no such entry; ${damaged}`,
    ],
    [
      'with groups that do not divide the heads',
      model().set('.ssm.group_count', 'u32', 3),
      `${field('time_step_rank')} to be a multiple of the 3 groups (ssm.group_count), but found 4; ${damaged}`,
    ],
    [
      'with heads of a fraction',
      model().set('.ssm.inner_size', 'u32', 130),
      `${field('inner_size')} to be the columns of 4 heads (ssm.time_step_rank) of 1 to 1024, but found 130; ${damaged}`,
    ],
    [
      'with too wide heads',
      model().set('.ssm.inner_size', 'u32', 8192),
      `${field('inner_size')} to be the columns of 4 heads (ssm.time_step_rank) of 1 to 1024, but found 8192; ${damaged}`,
    ],
    [
      'with too many keys',
      model()
        .set('.ssm.state_size', 'u32', 1024)
        .set('.ssm.group_count', 'u32', 512)
        .set('.ssm.time_step_rank', 'u32', 512),
      `${field('group_count')} to be at most 262144 columns in all groups, but found 512 groups of 1024; ${damaged}`,
    ],
    [
      'with states that would fill the memory',
      model()
        .set('.ssm.state_size', 'u32', 1024)
        .set('.ssm.time_step_rank', 'u32', 256)
        .set('.ssm.inner_size', 'u32', 262_144),
      `${field('state_size')} to be small enough for states of at most 1073741824 bytes in all layers, but found 1024, which makes 2153873408; ${damaged}`,
    ],
    [
      'with norms of another shape',
      model().change('blk.1.ssm_norm.weight', { dims: [128] }),
      `tensor "blk.1.ssm_norm.weight" of "paper.gguf" to be of shape [64, 2] to fit the metadata, but found [128]; ${damaged}`,
    ],
    [
      'without the norm in front of the feed-forward network',
      model().remove('blk.0.ffn_norm'),
      `tensor "blk.0.ffn_norm.weight" of "paper.gguf" to be there, but found no such tensor; ${damaged}`,
    ],
  ])('are refused %s', (_, file, message) => {
    expect(refusal(file).message).toBe(`Expected ${message}.`);
  });
});
