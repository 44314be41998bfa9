import { describe, expect, test } from 'vitest';
import { architectures } from '../../lib/model/architectures.js';
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
  test.each([...architectures.keys()])('%s is described, runs and gives vectors', async (name) => {
    const path = file(`${name}.gguf`);
    await tinyModel({ arch: name as TinyArchitecture, ...options[name] }).write(path);
    const inspection = JSON.parse((await bitnet(['inspect', '--json', path])).stdout);
    expect(inspection).toMatchObject({ architecture: name, problems: [], model: { unused: [] } });
    const run = await bitnet(['run', path, '-p', 'the rain', '-n', '12', '--temp', '0', '--json']);
    expect(JSON.parse(run.stdout).usage.completionTokens).toBeGreaterThan(0);
    const vectors = JSON.parse((await bitnet(['embed', path, 'the rain', '--json'])).stdout);
    expect(vectors[0].embedding).toHaveLength(256);
  });
});
