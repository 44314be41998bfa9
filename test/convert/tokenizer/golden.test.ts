import { readFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelTemplates } from '../../../lib/chat/template.js';
import { convertTokenizer } from '../../../lib/convert/tokenizer/convert-tokenizer.js';
import { asRead } from '../../../lib/convert/tokenizer/metadata.js';
import { createTokenizer } from '../../../lib/tokenizer/index.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { refusal } from '../../safetensors/raw-file.js';
import { describeShared, hasShared, sharedPath } from '../../shared.js';

const temp = tempFolder();

interface Expected {
  readonly model: string;
  readonly pre?: string;
  readonly n_tokens: number;
  /** By id, or by a range of ids as "3..258"; ordinary tokens are left out. */
  readonly token_types: Readonly<Record<string, number>>;
  readonly unused?: readonly number[];
  readonly token_texts: Readonly<Record<string, string>>;
  readonly scores?: Readonly<Record<string, number>>;
  readonly merges?: number;
  readonly first_merge?: string;
  readonly stop_ids: readonly number[];
  readonly adds_bos: boolean;
  readonly chat_template: string;
  readonly encode: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly ids_with_special: readonly number[];
    readonly decoded: string;
  }[];
  readonly chat: null | {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly prompt: string;
  };
  readonly llama_cpp_writes?: Readonly<Record<string, number | boolean>>;
}

const folders = [
  'bitnet-2b4t-online',
  'bitnet-2b4t-packed',
  'bonsai-unpacked',
  'falcon3-packed',
  'llama-plain',
  'onebitllm-master',
  'qwen2-plain',
  'trilm-unpacked',
];

const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(sharedPath(`golden/hf/${name}/expected.json`), 'utf8')).tokenizer;

async function converted(folder: string) {
  const result = await convertTokenizer(folder);
  const file = { path: 'model.gguf', metadata: asRead(result.metadata) };
  return { ...result, file, tokenizer: await createTokenizer(file) };
}

function kindsOf({ n_tokens, token_types, unused = [] }: Expected): number[] {
  const kinds: number[] = Array.from({ length: n_tokens }, (_, id) =>
    unused.includes(id) ? 5 : 1,
  );
  for (const [ids, kind] of Object.entries(token_types)) {
    const [from, to = from] = ids.split('..').map(Number);
    kinds.fill(kind, from, to! + 1);
  }
  return kinds;
}

describeShared('The tokenizer of a checkpoint folder', () => {
  it.each(folders)('%s has the tokens, merges and ids of its files', async (name) => {
    const expected = expectedOf(name);
    const { metadata, vocabSize, tokenizer } = await converted(sharedPath(`golden/hf/${name}`));
    const entries = asRead(metadata);
    const list = (key: string) =>
      (entries.get(`tokenizer.ggml.${key}`) as { toArray(): unknown[] } | undefined)?.toArray();
    expect(vocabSize).toBe(expected.n_tokens);
    expect(entries.get('tokenizer.ggml.model')).toBe(expected.model);
    expect(entries.get('tokenizer.ggml.pre')).toBe(expected.pre);
    for (const [id, text] of Object.entries(expected.token_texts)) {
      expect(tokenizer.tokenText(Number(id))).toBe(text);
    }
    const isUnused = (id: number) => tokenizer.tokenText(id).startsWith('<unused_');
    const kinds = kindsOf(expected).map((kind, id) => (isUnused(id) ? 5 : kind));
    expect(list('token_type')).toEqual(kinds);
    for (const [id, score] of Object.entries(expected.scores ?? {})) {
      expect(list('scores')![Number(id)]).toBe(score);
    }
    expect(list('merges')?.length).toBe(expected.merges);
    expect(list('merges')?.[0]).toBe(expected.first_merge);
    for (const [key, value] of Object.entries(expected.llama_cpp_writes ?? {})) {
      if (!key.endsWith('add_sep_token')) expect([key, entries.get(key)]).toEqual([key, value]);
    }
    expect([...tokenizer.endOfGeneration].sort((a, b) => a - b)).toEqual(expected.stop_ids);
    expect(tokenizer.addBos).toBe(expected.adds_bos);
  });

  it.each(folders)('%s gives the ids of its own library', async (name) => {
    const { tokenizer } = await converted(sharedPath(`golden/hf/${name}`));
    for (const { text, ids, ids_with_special, decoded } of expectedOf(name).encode) {
      expect(tokenizer.encode(text, { parseSpecial: true })).toEqual(ids);
      const options = { parseSpecial: true, addSpecial: true };
      expect(tokenizer.encode(text, options)).toEqual(ids_with_special);
      expect(tokenizer.decode(ids, { special: true })).toBe(decoded);
    }
  });

  it.each(folders)('%s has its chat template', async (name) => {
    const { chat, chat_template } = expectedOf(name);
    const { file, tokenizer } = await converted(sharedPath(`golden/hf/${name}`));
    const { standard, names } = modelTemplates(file, tokenizer);
    const options = { addGenerationPrompt: true };
    expect(chat && standard!.apply(chat.messages as never, options)).toBe(chat?.prompt ?? null);
    expect(names).toEqual(chat_template.includes('tool_use') ? ['tool_use'] : []);
  });
});

const hostile = sharedPath('golden/hf/hostile');

/** A case of INDEX.json: files laid over those of `base`. */
interface Overlay {
  readonly case: string;
  readonly must: string;
  readonly why: string;
  readonly files?: readonly string[];
  readonly delete?: readonly string[];
}

const overlays: readonly Overlay[] = hasShared
  ? JSON.parse(readFileSync(join(hostile, 'INDEX.json'), 'utf8')).cases.filter((overlay: Overlay) =>
      overlay.case.startsWith('t-'),
    )
  : [];

async function folderOf({ case: name, files = [], delete: gone = [] }: Overlay): Promise<string> {
  const folder = temp(name);
  await cp(join(hostile, 'base'), folder, { recursive: true });
  for (const file of gone) await rm(join(folder, file));
  for (const file of files) await cp(join(hostile, name, file), join(folder, file));
  return folder;
}

describeShared('A hostile tokenizer', () => {
  it.each(overlays)('$case is refused in one sentence: $why', async (overlay) => {
    expect(overlay.must).toBe('refuse');
    const error = await refusal(convertTokenizer(await folderOf(overlay)));
    expect(error.code).toMatch(/^ERR_BITNET_(?:TOKENIZER|FILE)$/);
    const [file] = overlay.files ?? [];
    if (file !== undefined) expect(error.message).toContain(file);
  });

  it('stands beside one that is sound', async () => {
    expect((await converted(join(hostile, 'base'))).vocabSize).toBe(64);
    expect(overlays).toHaveLength(18);
  });
});

describe('A folder without a tokenizer', () => {
  it('is refused', async () => {
    const error = await refusal(convertTokenizer(temp('.')));
    expect(error.code).toBe('ERR_BITNET_FILE');
  });
});
