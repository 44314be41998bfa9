import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { PaperModel, refusal, sizes2b } from '../paper-model.js';

describe('the activation', () => {
  const decisionOf = (model: PaperModel, activation?: 'relu2' | 'silu') => {
    const spec = readSpec(model.file, activation === undefined ? {} : { activation });
    const [decision] = spec.decisions;
    expect(decision?.subject).toBe('activation');
    expect(decision?.choice).toBe(spec.activation);
    return [spec.activation, decision?.reason];
  };
  const sentencePiece = { vocabSize: 32_002, tokenizer: 'llama' };
  const cases: [title: string, model: PaperModel, activation: string, reason: string][] = [
    [
      'bitnet-b1.58',
      new PaperModel(),
      'relu2',
      'models of architecture bitnet-b1.58 are trained with squared ReLU',
    ],
    [
      'bitnet-25',
      new PaperModel({ arch: 'bitnet-25' }),
      'relu2',
      'models of architecture bitnet-25 are trained with squared ReLU',
    ],
    [
      'bitnet',
      new PaperModel({ arch: 'bitnet' }),
      'silu',
      'the 1bitLLM models of architecture bitnet are trained with SiLU',
    ],
    [
      'llama',
      new PaperModel({ arch: 'llama' }),
      'silu',
      'models of architecture llama are trained with SiLU',
    ],
    [
      'qwen3',
      new PaperModel({ arch: 'qwen3' }),
      'silu',
      'models of architecture qwen3 are trained with SiLU',
    ],
    [
      'gemma3',
      new PaperModel({ arch: 'gemma3' }),
      'gelu_tanh',
      'models of architecture gemma3 are trained with GELU, approximated by tanh',
    ],
    [
      'a 1bitLLM model under the name bitnet-b1.58',
      new PaperModel(sentencePiece),
      'silu',
      'a SentencePiece vocabulary of 32,002 is that of the 1bitLLM models, trained with SiLU, which recent converters name like the 2B-4T model',
    ],
    [
      'a 1bitLLM model under the name bitnet-25',
      new PaperModel({ ...sentencePiece, arch: 'bitnet-25' }),
      'silu',
      'a SentencePiece vocabulary of 32,002 is that of the 1bitLLM models, trained with SiLU, which recent converters name like the 2B-4T model',
    ],
    [
      'another SentencePiece vocabulary',
      new PaperModel({ ...sentencePiece, vocabSize: 32_000 }),
      'relu2',
      'models of architecture bitnet-b1.58 are trained with squared ReLU',
    ],
    [
      '32,002 tokens of another kind',
      new PaperModel({ vocabSize: 32_002 }),
      'relu2',
      'models of architecture bitnet-b1.58 are trained with squared ReLU',
    ],
    [
      'the 2B-4T model under the name bitnet',
      new PaperModel({ ...sizes2b, arch: 'bitnet' }),
      'relu2',
      'its shape is that of the 2B-4T model, trained with squared ReLU, which some converters name like the 1bitLLM models',
    ],
    [
      'a model one layer short of 2B-4T',
      new PaperModel({ ...sizes2b, arch: 'bitnet', nLayer: 29 }),
      'silu',
      'the 1bitLLM models of architecture bitnet are trained with SiLU',
    ],
    [
      'a file that states silu',
      new PaperModel().set('.hidden_activation', 'string', 'silu'),
      'silu',
      'the file says so in bitnet-b1.58.hidden_activation',
    ],
    [
      'a llama file that states relu2',
      new PaperModel({ arch: 'llama' }).set('.hidden_activation', 'string', 'relu2'),
      'relu2',
      'the file says so in llama.hidden_activation',
    ],
    [
      'a 1bitLLM file that states relu2',
      new PaperModel(sentencePiece).set('.hidden_activation', 'string', 'relu2'),
      'relu2',
      'the file says so in bitnet-b1.58.hidden_activation',
    ],
  ];
  it.each(cases)('of %s', (_, model, activation, reason) => {
    expect(decisionOf(model)).toEqual([activation, reason]);
  });

  it('is what the caller asks for, whatever the file says', () => {
    const reason = 'it was asked for, whatever the file says';
    expect(decisionOf(new PaperModel(), 'silu')).toEqual(['silu', reason]);
    const stated = new PaperModel().set('.hidden_activation', 'string', 'gelu');
    expect(decisionOf(stated, 'relu2')).toEqual(['relu2', reason]);
  });

  it('is refused when the file states one that is not known', () => {
    expect(refusal(new PaperModel().set('.hidden_activation', 'string', 'gelu')).message).toBe(
      `Expected metadata "bitnet-b1.58.hidden_activation" of "paper.gguf" to be "relu2", "silu" or "gelu_tanh", but found the text "gelu"; to run it anyway, set the activation to 'relu2', 'silu' or 'gelu_tanh' yourself.`,
    );
    expect(refusal(new PaperModel().set('.hidden_activation', 'u32', 1)).message).toContain(
      'but found the u32 1;',
    );
  });

  it('is refused when the caller asks for one that is not known', () => {
    const run = () => readSpec(new PaperModel().file, { activation: 'gelu' as 'silu' });
    expect(run).toThrow(
      expect.objectContaining({
        code: 'ERR_BITNET_ARGUMENT',
        message:
          "Expected the option activation to be 'relu2', 'silu' or 'gelu_tanh', but received gelu.",
      }),
    );
  });
});

describe('the head', () => {
  const headOf = (model: PaperModel) =>
    readSpec(model.file).decisions.find(({ subject }) => subject === 'head');

  it('is the embedding when there is no other', () => {
    expect(headOf(new PaperModel({ arch: 'llama', tied: true }))).toEqual({
      subject: 'head',
      choice: 'token_embd.weight',
      reason: 'the file has no output.weight, so the embedding serves as the head too',
    });
  });

  it.each(['bitnet-25', 'llama'])('is output.weight when there is one, for %s', (arch) => {
    const model = new PaperModel({ arch, tied: false });
    expect(headOf(model)?.choice).toBe('output.weight');
    expect(readSpec(model.file).tensors.map(({ role }) => role)).toContain('output');
  });
});

describe('the scale of attention', () => {
  const gemma27b = { arch: 'gemma3', dim: 5376, nHead: 32, nKvHead: 16, headDim: 128 };

  it('is that of the trained model for Gemma 3 27B, whose files do not say it', () => {
    const spec = readSpec(new PaperModel({ ...gemma27b, nLayer: 62 }).file);
    expect(spec.attentionScale).toBeCloseTo(1 / Math.sqrt(168), 12);
    expect(spec.decisions.at(-1)).toEqual({
      subject: 'attention scale',
      choice: '1 / sqrt(dim / heads)',
      reason:
        'of the Gemma 3 models that of 62 layers is trained with it, and its files do not say so',
    });
    const smaller = readSpec(new PaperModel({ ...gemma27b, nLayer: 48 }).file);
    expect(smaller.attentionScale).toBe(1 / Math.sqrt(128));
  });
});

describe('the pooling of embeddings', () => {
  const poolingOf = (model: PaperModel) => readSpec(model.file).pooling;
  const qwen3 = (projectionNorms: boolean) => new PaperModel({ arch: 'qwen3', projectionNorms });

  it('is what the file says, or nothing', () => {
    expect(poolingOf(qwen3(false))).toBeUndefined();
    expect(poolingOf(qwen3(false).set('.pooling_type', 'u32', 0))).toBeUndefined();
    expect(
      [1, 2, 3].map((type) => poolingOf(qwen3(false).set('.pooling_type', 'u32', type))),
    ).toEqual(['mean', 'first', 'last']);
    const decisions = readSpec(qwen3(true).set('.pooling_type', 'u32', 3).file).decisions;
    expect(decisions.at(-1)?.reason).toBe('the file says so in qwen3.pooling_type');
  });

  it('is nothing where the file says no number, which concerns embeddings alone', () => {
    for (const type of [-1, 2 ** 32 - 1]) {
      expect(poolingOf(qwen3(false).set('.pooling_type', 'i64', type))).toBeUndefined();
    }
    const text = readSpec(qwen3(false).set('.pooling_type', 'string', 'mean').file);
    expect(text.pooling).toBeUndefined();
    expect(text.decisions.at(-1)).toMatchObject({
      reason: 'qwen3.pooling_type is the text "mean"',
      warning: true,
    });
  });

  it('is that of the last token for BitNet embedding models, whatever the converter wrote', () => {
    for (const type of [0, 1]) {
      const spec = readSpec(qwen3(true).set('.pooling_type', 'u32', type).file);
      expect(spec.pooling).toBe('last');
      expect(spec.decisions.at(-1)?.reason).toMatch(/^models with a norm before every projection/);
    }
  });
});
