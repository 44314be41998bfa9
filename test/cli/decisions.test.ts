import { expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();

/** A model with a chat template that is no text, and an entry that its graph ignores. */
async function odd(): Promise<string> {
  const path = file('odd.gguf');
  const model = tinyModel({ arch: 'llama', nLayer: 1 });
  const values = ['{{ messages }}'];
  model.metadata.set('tokenizer.chat_template', { type: 'array', elementType: 'string', values });
  model.metadata.set('llama.logit_scale', { type: 'f32', value: 4 });
  await model.write(path);
  return path;
}

const template =
  /^warning: chat template: none from the file, because its tokenizer\.chat_template/m;
const scale = /^warning: ignored metadata: llama\.logit_scale, the f32 4, because/m;

test.each([
  ['run', ['-p', 'Once', '-n', '2'], ''],
  ['chat', ['-n', '2'], 'Hello\n'],
  ['embed', ['-p', 'Once'], ''],
] as const)(
  '%s warns of what may change its results, and goes on',
  async (command, args, input) => {
    const { code, stderr, stdout } = await bitnet([command, await odd(), ...args], { input });
    expect({ code, text: stdout !== '' }).toEqual({ code: 0, text: true });
    expect(stderr).toMatch(template);
    expect(stderr).toMatch(scale);
  },
);

test('bench warns of it once for each file, whatever it is measured with', async () => {
  const args = ['bench', await odd(), '-p', '2', '-n', '0', '-r', '1', '-t'];
  const { code, stderr } = await bitnet([...args, '1,2']);
  expect(code).toBe(0);
  const ignored = /^warning: odd\.gguf: ignored metadata: llama\.logit_scale, the f32 4, because/gm;
  expect(stderr.match(ignored)).toHaveLength(1);
  expect((await bitnet([...args, '1', '--quiet'])).stderr).toBe('');
});

test('inspect prints the same as decisions', async () => {
  const { stdout } = await bitnet(['inspect', await odd()]);
  expect(stdout).toContain('\n  chat template: none from the file, because its');
  expect(stdout).toContain('\n  ignored metadata: llama.logit_scale, the f32 4, because');
});

test('nothing is warned of with --quiet, nor of a file that says what it means', async () => {
  const quiet = await bitnet(['run', await odd(), '-p', 'Once', '-n', '2', '--quiet']);
  expect(quiet.stderr).toBe('');
  const { stderr } = await bitnet(['run', '-p', 'Once', '-n', '2']);
  expect(stderr).not.toContain('warning');
});
