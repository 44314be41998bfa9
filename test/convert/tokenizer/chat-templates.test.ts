import { describe, expect, it } from 'vitest';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { refusal } from '../../safetensors/raw-file.js';
import { bpeJson, checkpoint, converted } from './checkpoint.js';

const temp = tempFolder();
let folders = 0;
const json = bpeJson([]);

async function templates(files: Readonly<Record<string, object | string>>) {
  const { entry } = await converted(temp(`${folders++}`), { 'tokenizer.json': json, ...files });
  return {
    of: (name: string) => entry(`chat_template.${name}`),
    usual: entry('chat_template'),
    names: entry('chat_templates'),
  };
}

describe('The chat templates of a checkpoint', () => {
  it('are the text in tokenizer_config.json', async () => {
    const { usual, names } = await templates({
      'tokenizer_config.json': { chat_template: '{{ 1 }}' },
    });
    expect(usual).toBe('{{ 1 }}');
    expect(names).toBe(undefined);
  });

  it('are those with names in tokenizer_config.json', async () => {
    const chat_template = [
      { name: 'default', template: '{{ 1 }}' },
      { name: 'tool-use', template: '{{ 2 }}' },
    ];
    const found = await templates({ 'tokenizer_config.json': { chat_template } });
    expect([found.usual, found.of('tool_use'), found.names]).toEqual([
      '{{ 1 }}',
      '{{ 2 }}',
      ['tool_use'],
    ]);
  });

  it('are those in files of their own, before all others', async () => {
    const found = await templates({
      'chat_template.jinja': '{{ "ä" }}',
      'additional_chat_templates/rag.jinja': '{{ 3 }}',
      'chat_template.json': { chat_template: '{{ 4 }}' },
      'tokenizer_config.json': { chat_template: '{{ 5 }}' },
    });
    expect([found.usual, found.of('rag'), found.names]).toEqual(['{{ "ä" }}', '{{ 3 }}', ['rag']]);
    const old = await templates({ 'chat_template.json': { chat_template: '{{ 4 }}' } });
    expect(old.usual).toBe('{{ 4 }}');
  });

  it('are kept where they cannot be parsed, which is noted', async () => {
    const chat_template = '{{ 1 }';
    const files = { 'tokenizer.json': json, 'tokenizer_config.json': { chat_template } };
    const { entry, notes } = await converted(temp(`${folders++}`), files);
    expect(entry('chat_template')).toBe(chat_template);
    expect(notes.join()).toContain('chat template: "default" cannot be used here');
  });

  it.each([
    ['chat_template', { chat_template: 5 }],
    ['chat_template 0', { chat_template: [{ name: 'default' }] }],
    [
      'at most 64',
      { chat_template: Array.from({ length: 65 }, (_, i) => ({ name: `n${i}`, template: '' })) },
    ],
  ])('are refused by name: %s', async (field, config) => {
    const folder = temp(`${folders++}`);
    await checkpoint(folder, { 'tokenizer.json': json, 'tokenizer_config.json': config });
    expect((await refusal(convertTokenizer(folder))).message).toContain(field);
  });

  it('are refused when they are too large or no text', async () => {
    for (const jinja of ['x'.repeat(1_000_001), Buffer.from([0xff])]) {
      const folder = temp(`${folders++}`);
      await checkpoint(folder, { 'tokenizer.json': json, 'chat_template.jinja': jinja });
      expect((await refusal(convertTokenizer(folder))).message).toContain('chat_template.jinja');
    }
  });
});
