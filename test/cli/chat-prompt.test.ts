import { describe, expect, test } from 'vitest';
import { loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();
const template =
  "{{ bos_token }}{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

async function chatModel(): Promise<string> {
  const model = tinyModel();
  model.metadata.set('tokenizer.chat_template', { type: 'string', value: template });
  await model.write(file('chat.gguf'));
  return file('chat.gguf');
}

describe('a model with a chat template', () => {
  test('gets the prompt in its template, with the system message, unless --raw', async () => {
    const path = await chatModel();
    const model = await loadModel(path);
    const tokens = (text: string) => model.tokenize(text).length;
    const used = async (...args: string[]) => {
      const { stdout } = await bitnet(['run', path, '-p', 'hi', '-n', '1', '--json', ...args]);
      return JSON.parse(stdout).usage.promptTokens;
    };
    expect(await used()).toBe(1 + tokens('user: hi\nassistant: '));
    expect(await used('--system', 'Be kind')).toBe(
      1 + tokens('system: Be kind\nuser: hi\nassistant: '),
    );
    expect(await used('--raw')).toBe(tokens('hi'));
    model.close();
  });

  test('cannot be given special tokens in the prompt', async () => {
    const path = await chatModel();
    const args = ['run', path, '-n', '1', '--json', '-p', 'a<|end_of_text|>b'];
    const wrapped = JSON.parse((await bitnet(args)).stdout).usage.promptTokens;
    const plain = JSON.parse((await bitnet([...args, '-p', 'axxxxxxxxxxxxxxxb'])).stdout);
    expect(wrapped).toBe(plain.usage.promptTokens);
    const raw = JSON.parse((await bitnet([...args, '--raw'])).stdout);
    expect(raw.usage.promptTokens).toBe(3);
  });

  test('that is faulty says so, and still continues --raw text', async () => {
    const model = tinyModel();
    model.metadata.set('tokenizer.chat_template', { type: 'string', value: '{% if %}' });
    await model.write(file('faulty.gguf'));
    const { code, stderr } = await bitnet(['run', file('faulty.gguf'), '-p', 'hi']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*template/);
    const raw = await bitnet(['run', file('faulty.gguf'), '-p', 'hi', '-n', '1', '--raw']);
    expect(raw.code).toBe(0);
  });
});
