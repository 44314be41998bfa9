import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();
const path = file('model.gguf');
const jinja = file('own.jinja');
const plain = file('plain.txt');

beforeAll(async () => {
  const model = tinyModel({ contextLength: 256 });
  const template = { type: 'array', elementType: 'string', values: ['{{ 1 }}'] } as const;
  model.metadata.set('tokenizer.chat_template', template);
  model.metadata.set('tokenizer.chat_template.rag', {
    type: 'string',
    value: 'R{{ messages[0].content }}',
  });
  await model.write(path);
  writeFileSync(jinja, '{% for m in messages %}{{ m.content }}{% endfor %}.\n');
  writeFileSync(plain, 'chatml\n');
});

/** Prompt tokens of "Hi" by `--json`. */
async function promptTokens(command: 'run' | 'chat', ...args: string[]): Promise<number> {
  const { code, stdout, stderr } =
    command === 'run'
      ? await bitnet(['run', path, '-n', '1', '--json', '-p', 'Hi', ...args])
      : await bitnet(['chat', path, '-n', '1', '--json', ...args], { input: 'Hi\n' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return JSON.parse(stdout).usage.promptTokens;
}

describe.each(['run', 'chat'] as const)('bitnet %s --chat-template', (command) => {
  test('takes the name of a format, a file, a template, or a name of the model', async () => {
    const tokenizer = await loadTokenizer(path);
    for (const [argument, written] of [
      ['falcon3', '<|user|>\nHi\n<|assistant|>\n'],
      [jinja, 'Hi.'],
      ['a{{ 1 }}', 'a1'],
      ['rag', 'RHi'],
    ] as const) {
      const tokens = await promptTokens(command, '--chat-template', argument);
      expect(tokens).toBe(tokenizer.encode(written).length);
    }
  });

  test('is named in the warning about a template that is no text', async () => {
    const args = command === 'run' ? ['run', path, '-p', 'Hi'] : ['chat', path];
    const { code, stderr } = await bitnet([...args, '-n', '1'], { input: '' });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: chat template: none from the file, because its tokenizer.chat_template is an array of 1 instead of a text and cannot be used; --chat-template \(chatTemplate\) gives another\.$/m,
    );
  });

  test.each([
    ['lama3', /^error: Expected the name of a chat template \(chatml, .*; did you mean llama3\?$/m],
    [
      plain,
      /^error: Expected the file ".*plain\.txt" to hold a Jinja template, but it has neither/m,
    ],
    [
      'no/file',
      /^error: Expected the file ".*no\/file" to be readable, but there is none; check the path\.$/m,
    ],
    [
      '{% if %}',
      /^error: Expected a chat template that is valid Jinja, but it has a syntax error, "expected an expression/m,
    ],
  ])('fails with one sentence for %s', async (name, message) => {
    const args = command === 'run' ? ['run', path, '-p', 'Hi'] : ['chat', path];
    const { code, stdout, stderr } = await bitnet([...args, '--chat-template', name], {
      input: '',
    });
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});

test('bitnet run takes no --chat-template with --raw', async () => {
  const { code, stderr } = await bitnet([
    'run',
    path,
    '-p',
    'Hi',
    '--raw',
    '--chat-template',
    'rag',
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain("option '--chat-template <name>' cannot be used with option '--raw'");
});

test('bitnet inspect says which templates the model has by name', async () => {
  const { stdout } = await bitnet(['inspect', path]);
  expect(stdout).toMatch(/Chat template +none: continues text\n +and by name: rag\n/);
});
