import { beforeAll, describe, expect, it } from 'vitest';
import { inspectModel, loadModel } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();
const load = modelLoader();
const path = temp('named.gguf');
const asked = [{ role: 'user', content: 'Hi' }] as const;

type Entry = Parameters<ReturnType<typeof tinyModel>['metadata']['set']>[1];

async function modelWith(name: string, entries: Record<string, Entry>): Promise<string> {
  const model = tinyModel({ contextLength: 256 });
  for (const [key, entry] of Object.entries(entries)) model.metadata.set(key, entry);
  await model.write(temp(name));
  return temp(name);
}

const text = (value: string): Entry => ({ type: 'string', value });

beforeAll(async () => {
  await modelWith('named.gguf', {
    'tokenizer.chat_template': text('{{ messages[0].content }}.'),
    'tokenizer.chat_template.rag': text('{{ messages[0].content }}?'),
    'tokenizer.chat_template.chatml': text('{{ messages[0].content }}!'),
  });
});

describe('The chat template of a loaded model', () => {
  it('is the one of the file, unless another is asked for', async () => {
    const model = await load(path);
    expect(model.chatTemplate!.apply(asked)).toBe('Hi.');
    expect(model.decisions.filter(({ subject }) => subject === 'chat template')).toEqual([]);
  });

  it.each([
    ['its source', '{{ messages[0].role }}', 'user', 'the one given'],
    ['the name of one of the file', { name: 'rag' }, 'Hi?', '"rag" of the file'],
    ['a name that the file has too', { name: 'chatml' }, 'Hi!', '"chatml" of the file'],
    ['a built-in name', { name: 'falcon3' }, '<|user|>\nHi\n', 'the built-in "falcon3"'],
  ] as const)('may be given as %s', async (_what, chatTemplate, expected, choice) => {
    const model = await load(path, { chatTemplate });
    expect(model.chatTemplate!.apply(asked)).toBe(expected);
    expect(model.decisions).toContainEqual({
      subject: 'chat template',
      choice,
      reason: 'it was asked for',
    });
  });

  it.each([3, '', {}, { name: 3 }, []])('is refused as %j', async (chatTemplate) => {
    expect(await rejection(loadModel(path, { chatTemplate } as never))).toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: expect.stringContaining('option chatTemplate'),
    });
  });

  it('is refused by an unknown name, with all that are known', async () => {
    const error = await rejection(loadModel(path, { chatTemplate: { name: 'lama3' } }));
    expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    expect((error as Error).message).toMatch(
      /^Expected the name of a chat template \(chatml, .*, minicpm, or of the model: "rag", "chatml"\), but received "lama3"; did you mean llama3\?$/,
    );
  });

  it.each([
    ['chatml', "did you mean { name: 'chatml' }?"],
    ['Llama-3', "did you mean { name: 'llama3' }?"],
    ['template.jinja', 'a name is given as { name }.'],
  ])('is refused as %j, which is no source', async (chatTemplate, help) => {
    const error = expect.objectContaining({
      code: 'ERR_BITNET_ARGUMENT',
      message: `Expected the source of a Jinja template, with {{ or {%, for option chatTemplate, but received "${chatTemplate}"; ${help}`,
    });
    await expect(loadModel(path, { chatTemplate })).rejects.toEqual(error);
    const model = await load(path);
    expect(() => model.createChat({ chatTemplate })).toThrow(error);
  });

  it('is refused by a name like no other', async () => {
    await expect(loadModel(path, { chatTemplate: { name: 'nope' } })).rejects.toThrow(
      /, but received "nope"; choose one of these, or give the template itself\.$/,
    );
  });

  it('is inspected with the names of the others', async () => {
    expect(await inspectModel(path)).toMatchObject({
      chatTemplate: true,
      chatTemplates: ['rag', 'chatml'],
    });
  });
});

describe('The chat template of a chat', () => {
  it('may be another than that of its model', async () => {
    const model = await load(path);
    const chat = model.createChat({ chatTemplate: { name: 'rag' } });
    await chat.send('Hi', { maxTokens: 1 }).result;
    expect(model.tokenizer.decode(chat.session.tokens)).toBe('Hi?');
    expect(() => model.createChat({ chatTemplate: { name: 'rga' } })).toThrow(/received "rga"/);
    chat.close();
  });

  it('is refused at once when it cannot be parsed; the model completes text', async () => {
    const faulty = await modelWith('faulty.gguf', {
      'tokenizer.chat_template': text('{% if %}'),
    });
    const model = await load(faulty);
    const error = expect.objectContaining({
      code: 'ERR_BITNET_TEMPLATE',
      message: expect.stringContaining('choose another (--chat-template, chatTemplate)'),
    });
    expect(() => model.createChat()).toThrow(error);
    expect(() => model.chatTemplate!.encode(asked)).toThrow(error);
    expect((await model.createSession().complete('a', { maxTokens: 1 })).ids).toHaveLength(1);
    expect(model.createChat({ chatTemplate: { name: 'chatml' } }).hasTemplate).toBe(true);
  });

  it('may take the place of one that is no text', async () => {
    const array = await modelWith('array.gguf', {
      'tokenizer.chat_template': { type: 'array', elementType: 'string', values: ['{{ 1 }}'] },
    });
    const model = await load(array);
    expect(model.chatTemplate).toBeUndefined();
    expect(model.decisions).toContainEqual({
      subject: 'chat template',
      choice: 'none from the file',
      reason:
        'its tokenizer.chat_template is an array of 1 instead of a text and cannot be used; --chat-template (chatTemplate) gives another',
      warning: true,
    });
    const other = await load(array, { chatTemplate: { name: 'chatml' } });
    expect(other.decisions.filter(({ warning }) => warning)).toEqual([]);
    expect(other.createChat({ system: 'Be kind.' }).hasTemplate).toBe(true);
  });
});
