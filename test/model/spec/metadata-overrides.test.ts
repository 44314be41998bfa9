import { describe, expect, it } from 'vitest';
import { inspectModel, loadModel, loadTokenizer } from '../../../lib/index.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const file = tempFolder();

async function tiny(options: Parameters<typeof tinyModel>[0] = {}): Promise<string> {
  const path = file('tiny.gguf');
  await tinyModel({ nLayer: 1, ...options }).write(path);
  return path;
}

describe('metadata overrides', () => {
  it('are read instead of the file’s entries, and give what a file with them would', async () => {
    const ids = [5, 6, 7, 8];
    const logits = async (path: string, metadataOverrides = {}) => {
      const model = await loadModel(path, { metadataOverrides });
      try {
        return await model.createSession().evaluate(ids, { logits: 'all' });
      } finally {
        model.close();
      }
    };
    const path = await tiny();
    const plain = await logits(path);
    const overridden = await logits(path, { 'bitnet-b1.58.rope.freq_base': 500_000 });
    expect(overridden).not.toEqual(plain);
    expect(await logits(await tiny({ ropeBase: 500_000 }))).toEqual(overridden);
  });

  it('are decisions that name what the file says, and warn of entries that nothing reads', async () => {
    const metadataOverrides = {
      'bitnet-b1.58.context_length': 99,
      'general.name': 'other',
      'tokenizer.ggml.add_bos_token': false,
      'bitnet-b1.58.rope.freq_bose': 1.5,
    };
    const path = await tiny();
    const { decisions, model, tokenizer } = await inspectModel(path, { metadataOverrides });
    expect(model).toMatchObject({ contextLength: 99, name: 'other' });
    expect(tokenizer?.addBos).toBe(false);
    const asked = 'it was asked for, where the file';
    const unread = 'it was asked for, but nothing here reads such an entry';
    const expected = [
      { choice: '"bitnet-b1.58.context_length" is 99', reason: `${asked} says 256` },
      { choice: '"general.name" is "other"', reason: `${asked} says "tiny"` },
      { choice: '"tokenizer.ggml.add_bos_token" is false', reason: `${asked} has none` },
      { choice: '"bitnet-b1.58.rope.freq_bose" is 1.5', reason: unread, warning: true },
    ].map((decision) => ({ subject: 'metadata', ...decision }));
    expect(decisions.filter(({ subject }) => subject === 'metadata')).toEqual(expected);
    const loaded = await loadModel(path, { metadataOverrides });
    expect(loaded.decisions).toEqual(decisions);
    loaded.close();
    const alone = await loadTokenizer(path, { metadataOverrides });
    expect(alone.addBos).toBe(false);
  });

  it('are checked like the entries of a file', async () => {
    const metadataOverrides = { 'bitnet-b1.58.block_count': 1.5 };
    await expect(loadModel(await tiny(), { metadataOverrides })).rejects.toMatchObject({
      code: 'ERR_BITNET_MODEL',
      message: expect.stringContaining('but found the f64 1.5'),
    });
  });

  it.each<[metadataOverrides: unknown, message: string]>([
    [5, 'Expected an object of values by key for option metadataOverrides, but received 5.'],
    [[], 'an object of values by key for option metadataOverrides, but received an array'],
    [new Map([['a', 1]]), 'Expected an object of values by key for option metadataOverrides'],
    [{ a: Number.NaN }, '"a" of option metadataOverrides, but received NaN.'],
    [{ a: null }, 'Expected a finite number, a boolean or a text for "a"'],
    [{ '': 1 }, 'Expected the key of an entry that does not say how to read the file for ""'],
    [{ 'general.alignment': 64 }, 'for "general.alignment" of option metadataOverrides'],
    [{ 'split.count': 2 }, 'for "split.count" of option metadataOverrides'],
  ])('refuse %j', async (metadataOverrides, message) => {
    // biome-ignore lint/suspicious/noExplicitAny: the types would refuse what is tested here
    const options = { metadataOverrides } as any;
    const path = await tiny();
    for (const call of [loadModel, inspectModel, loadTokenizer]) {
      await expect(call(path, options)).rejects.toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
        message: expect.stringContaining(message),
      });
    }
  });
});
