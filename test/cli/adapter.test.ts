import { beforeAll, describe, expect, test } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyAdapter } from '../fixtures/tiny-adapter.js';
import { bitnet, storiesPath } from './bitnet.js';

const file = tempFolder();
const path = file('own=1.gguf');
beforeAll(async () => {
  const { metadata, tensors } = await readGguf(storiesPath);
  const base = {
    options: { arch: String(metadata.get('general.architecture')) },
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
  };
  await tinyAdapter(base, { size: 2 }).write(path);
});

const greedy = ['-p', 'Once upon a time', '--temp', '0', '-n', '8', '--json'];

describe('--adapter', () => {
  test('of bitnet run gives what the library gives, also as --lora and with a scale', async () => {
    const model = await loadModel();
    const adapter = await model.loadAdapter(path);
    const text = async (scale: number) => {
      const session = model.createSession({ adapters: [{ adapter, scale }] });
      const options = { maxTokens: 8, temperature: 0 };
      return (await session.complete('Once upon a time', options)).text;
    };
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await bitnet(['run', ...args, ...greedy]);
      expect(stderr).toBe('');
      return JSON.parse(stdout).text;
    };
    expect(await run('--adapter', path)).toBe(await text(1));
    expect(await run(`--lora=${path}=-0.5`)).toBe(await text(-0.5));
    expect(await text(1)).not.toBe(await text(-0.5));
    model.close();
  });

  test('of bitnet chat says in one sentence why a file is none, and takes no wrong scale', async () => {
    const chat = await bitnet(['chat', '--adapter', storiesPath], { input: 'Hello' });
    expect(chat).toMatchObject({ code: 1, stdout: '' });
    expect(chat.stderr).toMatch(
      /^error: Expected metadata "general.type" of .*this is no adapter\.\n$/,
    );
    const wrong = await bitnet(['run', '--adapter', 'a.gguf=1e9']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('a scale from -1000 to 1000');
  });
});
