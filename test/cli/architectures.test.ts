import { describe, expect, test } from 'vitest';
import { modelChecks } from '../../lib/doctor/model-checks.js';
import { architectures } from '../../lib/model/spec/architectures.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyArchitecture, type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();

/** What makes a model of the architecture special, as far as it is not always there. */
const options: Partial<Record<string, TinyOptions>> = {
  qwen3: { projectionNorms: true, poolingType: 3, addEos: true },
  gemma3: { window: 8, nLayer: 6 },
};

describe('a file of architecture', () => {
  test.each([...architectures.keys()])('%s works with every command', async (name) => {
    const path = file(`${name}.gguf`);
    await tinyModel({ arch: name as TinyArchitecture, ...options[name] }).write(path);
    const json = async (args: readonly string[], input = '') =>
      JSON.parse((await bitnet([...args, '--json'], { input })).stdout);
    const inspection = await json(['inspect', path]);
    expect(inspection).toMatchObject({ architecture: name, problems: [], model: { unused: [] } });
    const run = await json(['run', path, '-p', 'the rain', '-n', '12', '--temp', '0']);
    expect(run.usage.completionTokens).toBeGreaterThan(0);
    const chat = await json(['chat', path, '-n', '4', '--temp', '0'], 'the rain\n');
    expect(chat.text).toBeTypeOf('string');
    const [{ embedding }] = await json(['embed', path, 'the rain']);
    expect(embedding).toHaveLength(256);
    const { ids } = await json(['tokenize', path, '-p', 'the rain']);
    expect(ids.length).toBeGreaterThan(0);
    const { perplexity } = await json(['perplexity', path, '-c', '16'], 'the rain '.repeat(20));
    expect(perplexity).toBeGreaterThan(1);
    // What the command says of the machine is the same for all.
    const checks = modelChecks(path, { overrides: {}, kernel: '', signal: undefined });
    for await (const { status, message } of checks) expect(status, message).not.toBe('fail');
  });
});
