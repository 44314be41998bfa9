import { describe, expect, it } from 'vitest';
import { memoryEstimate } from '../../../lib/model/load/memory.js';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { damaged, PaperModel, refusal, sizes27b } from '../paper-model.js';

const model = (nLayer = 4) => new PaperModel({ arch: 'qwen35', nLayer });
const lists = (file: PaperModel) => readSpec(file.file).recurrent?.layers;

describe('recurrent layers', () => {
  it('are all but every fourth, or as the interval says', () => {
    const spec = readSpec(model(5).file);
    expect(spec.recurrent).toEqual({
      layers: [true, true, true, false, true],
      taps: 4,
      nKeyHead: 2,
      nValueHead: 4,
      keyDim: 32,
      headDim: 32,
    });
    expect(spec.gatedAttention).toBe(true);
    expect(spec.unused).toEqual([]);
    expect(lists(model(4).set('.full_attention_interval', 'u32', 4))).toEqual([
      ...[true, true, true, false],
    ]);
  });

  it('are those of a list, which has the say', () => {
    const file = model(4)
      .set('.full_attention_interval', 'u32', 0)
      .setArray('.attention.recurrent_layers', 'bool', [1, 1, 1, 0]);
    expect(lists(file)).toEqual([true, true, true, false]);
    expect(readSpec(file.file).decisions).toEqual(readSpec(model(4).file).decisions);
  });

  it('have heads of their own: those of attention may be listed with any number there', () => {
    const file = model(4)
      .setArray('.attention.head_count', 'u32', [0, 0, 0, 4])
      .setArray('.attention.head_count_kv', 'u32', [0, 0, 0, 2]);
    expect(readSpec(file.file)).toMatchObject({ nHead: 4, nKvHead: 2 });
  });

  it('do without the block for speculation, which block_count counts', () => {
    const file = model(8)
      .set('.nextn_predict_layers', 'u32', 1)
      .add('blk.7.nextn.eh_proj.weight', [256, 128], 'F16');
    const spec = readSpec(file.file);
    expect(spec.nLayer).toBe(7);
    expect(spec.recurrent?.layers).toHaveLength(7);
    expect(spec.unused.length).toBeGreaterThan(5);
    expect(spec.unused.every((name) => name.startsWith('blk.7.'))).toBe(true);
    expect(spec.decisions).toContainEqual({
      subject: 'speculation',
      choice: 'left out',
      reason: 'the last block of the file predict tokens further ahead',
    });
  });

  it('take constant memory in the shape of Bonsai 27B, and attention 64 KiB a position', () => {
    const spec = readSpec(new PaperModel({ ...sizes27b, arch: 'qwen35' }).file);
    expect(spec.recurrent?.layers.filter(Boolean)).toHaveLength(48);
    const { states, kvPer1000Positions } = memoryEstimate(spec, []);
    const one = 48 * (48 * 128 * 128 + 3 * 10_240) * 4;
    expect(states).toEqual({ working: 3 * one, snapshots: 3 * one });
    expect(kvPer1000Positions.f16).toBe(1000 * 64 * 1024);
    const { states: none } = memoryEstimate(readSpec(new PaperModel().file), []);
    expect(none).toEqual({ working: 0, snapshots: 0 });
  });

  it.each<[string, PaperModel, string]>([
    [
      'without a size',
      model().drop('.ssm.state_size'),
      `metadata "qwen35.ssm.state_size" of "paper.gguf" to be an integer from 1 to 1024, but found no such entry; ${damaged}`,
    ],
    [
      'with too long a convolution',
      model().set('.ssm.conv_kernel', 'u32', 17),
      `metadata "qwen35.ssm.conv_kernel" of "paper.gguf" to be an integer from 1 to 16, but found the u32 17; ${damaged}`,
    ],
    [
      'with key heads that do not divide the value heads',
      model().set('.ssm.group_count', 'u32', 3),
      `metadata "qwen35.ssm.time_step_rank" of "paper.gguf" to be a multiple of the 3 key heads (ssm.group_count), but found 4; ${damaged}`,
    ],
    [
      'with another inner size',
      model().set('.ssm.inner_size', 'u32', 256),
      `metadata "qwen35.ssm.inner_size" of "paper.gguf" to be 128, the 4 heads of ssm.time_step_rank by the 32 columns of ssm.state_size, but found 256; ${damaged}`,
    ],
    [
      'with too many values',
      model().set('.ssm.state_size', 'u32', 1024).set('.ssm.time_step_rank', 'u32', 4096),
      `metadata "qwen35.ssm.time_step_rank" of "paper.gguf" to be at most 262144 columns in all heads, but found 4096 heads of 1024; ${damaged}`,
    ],
    [
      'with states that would fill the memory',
      model()
        .set('.ssm.state_size', 'u32', 1024)
        .set('.ssm.time_step_rank', 'u32', 128)
        .set('.ssm.inner_size', 'u32', 131_072),
      `metadata "qwen35.ssm.state_size" of "paper.gguf" to be small enough for states of at most 1073741824 bytes in all layers, but found 1024, which makes 1615478784; ${damaged}`,
    ],
    [
      'in a list of another length',
      model().setArray('.attention.recurrent_layers', 'bool', [1, 0]),
      `metadata "qwen35.attention.recurrent_layers" of "paper.gguf" to be 4 booleans, one per block, but found an array of 2 bool; ${damaged}`,
    ],
    [
      'in a list of other numbers',
      model().setArray('.attention.recurrent_layers', 'u32', [1, 1, 2, 0]),
      `metadata "qwen35.attention.recurrent_layers" of "paper.gguf" to be 4 booleans, one per block, but found an array of 4 u32; ${damaged}`,
    ],
    [
      'where all blocks are for speculation',
      model().set('.nextn_predict_layers', 'u32', 4),
      `metadata "qwen35.nextn_predict_layers" of "paper.gguf" to be an integer from 0 to 3, but found the u32 4; ${damaged}`,
    ],
    [
      'in a list that the tensors do not follow',
      model().setArray('.attention.recurrent_layers', 'bool', [1, 1, 0, 0]),
      `tensor "blk.2.attn_q.weight" of "paper.gguf" to be there, but found no such tensor; ${damaged}`,
    ],
    [
      'with taps of another shape',
      model().change('blk.1.ssm_conv1d.weight', { dims: [3, 256] }),
      `tensor "blk.1.ssm_conv1d.weight" of "paper.gguf" to be of shape [4, 256] to fit the metadata, but found [3, 256]; ${damaged}`,
    ],
    [
      'in an architecture without',
      new PaperModel({ arch: 'llama' }).add('blk.0.ssm_a', [4], 'F32'),
      'tensor "blk.0.ssm_a" of "paper.gguf" to be absent from a model of architecture llama, but found a part of another kind of layer that the model was trained with; models like this cannot run yet',
    ],
  ])('are refused %s', (_, file, message) => {
    expect(refusal(file).message).toBe(`Expected ${message}.`);
  });
});
