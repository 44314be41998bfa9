import { expect, it } from 'vitest';
import { loadModel } from '../../lib/index.js';
import { describeShared, sharedPath } from '../shared.js';

const path = (name: string) => sharedPath(`cases/${name}.gguf`);

/** The decisions of a file that loads and completes a text. */
async function decisions(name: string) {
  const model = await loadModel(path(name));
  try {
    const { usage } = await model.createSession().complete('hello', { maxTokens: 3 });
    expect(usage.completionTokens).toBe(3);
    return { model, by: (subject: string) => model.decisions.find((d) => d.subject === subject) };
  } finally {
    model.close();
  }
}

describeShared('files as they are in the world run, and say how they were read:', () => {
  it('a begin token of 4294967295 is none', async () => {
    const { model, by } = await decisions('bos-minus1');
    expect(by('bos_token_id')).toMatchObject({ choice: 'none' });
    expect(model.tokenizer.bos).toBeUndefined();
  });

  it('rotary scaling "default" is none', async () => {
    const { model, by } = await decisions('ropedefault');
    expect(by('rotary scaling')).toMatchObject({ choice: 'none' });
    expect(model.spec.rope.scale).toBe(1);
  });

  it('YaRN like Bonsai’s stretches angles by 1 to 4', async () => {
    const { rope } = (await decisions('yarn-bonsai-like')).model.spec;
    expect(rope.factors!.slice(0, 3)).toEqual([1, 1, 1]);
    expect(rope.factors!.at(-1)).toBe(4);
    expect(rope.magnitude).toBeCloseTo(1 + 0.1 * Math.log(4), 12);
  });

  it('a vocabulary size without the padding is that of the rows', async () => {
    const { model, by } = await decisions('vocabsize');
    expect(by('vocabulary')).toMatchObject({ choice: '384' });
    expect([model.spec.vocabSize, model.tokenizer.vocabSize]).toEqual([384, 320]);
  });

  it('a chat template that is an array is none, which is a warning', async () => {
    const { model, by } = await decisions('tmpl-arr');
    expect(model.chatTemplate).toBeUndefined();
    expect(by('chat template')).toMatchObject({ choice: 'none from the file', warning: true });
  });
});
