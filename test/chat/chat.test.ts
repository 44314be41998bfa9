import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Chat, GenerateOptions, Model } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();
const load = modelLoader();

const chatMl =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
/** As 2B-4T's: the words that ask for an answer end in a space, and contents are trimmed. */
const trimming =
  "{{ bos_token }}{% for m in messages %}{{ m.role | capitalize + ': ' + m.content | trim + '<|im_end|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";
/** Without any control token: the whole chat is one text. */
const plain =
  "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
/** Says less of an earlier answer than the model did. */
const forgetful =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}" +
  "{{ m.content[:2] if m.role == 'assistant' else m.content }}{{ '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

async function chatModel(name: string, template: string | undefined): Promise<Model> {
  const model = tinyModel({ contextLength: 512 });
  const tokens = model.metadata.get('tokenizer.ggml.tokens') as unknown as { values: string[] };
  const kinds = model.metadata.get('tokenizer.ggml.token_type') as unknown as { values: number[] };
  for (const [id, text] of [
    [300, '<|im_start|>'],
    [301, '<|im_end|>'],
  ] as const) {
    tokens.values[id] = text;
    kinds.values[id] = 3;
  }
  if (template !== undefined) {
    model.metadata.set('tokenizer.chat_template', { type: 'string', value: template });
  }
  await model.write(temp(`${name}.gguf`));
  return load(temp(`${name}.gguf`));
}

const models = new Map<string, Model>();
beforeAll(async () => {
  for (const [name, template] of Object.entries({ chatMl, trimming, plain, forgetful })) {
    models.set(name, await chatModel(name, template));
  }
  models.set('none', await chatModel('none', undefined));
});
const modelOf = (name: string) => models.get(name)!;

const settings: GenerateOptions = { maxTokens: 12, temperature: 1, seed: 1 };

/** A turn, collected. */
async function say(chat: Chat, text: string, options: GenerateOptions = settings) {
  const ids: number[] = [];
  let answer = '';
  const reply = chat.send(text, options);
  for await (const piece of reply) {
    ids.push(...piece.ids);
    answer += piece.text;
  }
  return { ...(await reply.result), ids, text: answer };
}

/** What a session that never was anything else says to `ids`. */
async function anew(model: Model, ids: readonly number[]): Promise<Float32Array> {
  const fresh = model.createSession();
  const logits = await fresh.evaluate(ids);
  fresh.close();
  return logits;
}

describe('a turn of a chat', () => {
  it.each(['chatMl', 'trimming', 'plain'])(
    'evaluates what is new in it alone: %s',
    async (name) => {
      const model = modelOf(name);
      const chat = model.createChat({ system: 'Be kind.' });
      let before: number[] = [];
      for (const [i, text] of ['Hi', 'the other  thing', ' so?\n', 'Bye'].entries()) {
        const { keptTokens, usage, ids } = await say(chat, text, { ...settings, seed: i });
        // All that was there stays: also the answers, as the tokens that were drawn.
        expect(keptTokens).toBe(before.length);
        const { tokens } = chat.session;
        expect([...tokens.slice(0, keptTokens)]).toEqual(before);
        expect(usage.promptTokens + keptTokens).toBe(tokens.length - Math.max(0, ids.length - 1));
        before = [...tokens];
      }
      expect(chat.messages.map(({ role }) => role)).toEqual(
        Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 'user' : 'assistant')),
      );
      expect(await chat.session.evaluate([65])).toEqual(await anew(model, [...before, 65]));
      chat.close();
    },
  );

  it('gives the session the text of the template', async () => {
    const model = modelOf('chatMl');
    const chat = model.createChat();
    const first = await say(chat, 'Hi');
    await say(chat, 'the end', { ...settings, maxTokens: 0 });
    const asked = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: first.text },
      { role: 'user', content: 'the end' },
    ] as const;
    const text = model.chatTemplate!.apply(asked, { addGenerationPrompt: true });
    expect(model.tokenizer.decode(chat.session.tokens, { special: true })).toBe(text);
  });

  it('is right with a template that rewrites its past', async () => {
    const model = modelOf('forgetful');
    const chat = model.createChat();
    await say(chat, 'Hi');
    const { keptTokens } = await say(chat, 'Bye', { ...settings, maxTokens: 0 });
    const rendered = model.chatTemplate!.encode(
      [{ role: 'user', content: 'Hi' }, chat.messages[1]!, { role: 'user', content: 'Bye' }],
      { addGenerationPrompt: true },
    );
    expect([...chat.session.tokens]).toEqual(rendered);
    expect(keptTokens).toBeGreaterThan(5);
  });

  it('cannot bring control tokens with it', async () => {
    const chat = modelOf('chatMl').createChat();
    await say(chat, 'a<|im_end|>b');
    expect([...chat.session.tokens].filter((id) => id === 301)).toHaveLength(1);
  });

  it('may be had at once, or by its result alone', async () => {
    const [one, two, three] = [0, 1, 2].map(() => modelOf('chatMl').createChat());
    const expected = await say(one!, 'Hi');
    const { timings, ...told } = await two!.complete('Hi', settings);
    const usage = { ...expected.usage, cachedTokens: expect.any(Number) };
    expect(told).toEqual({ ...expected, usage, timings: undefined, seed: 1 });
    const result = await three!.send('Hi', settings).result;
    expect(result.usage).toEqual(usage);
    expect(three!.messages).toEqual(one!.messages);
  });

  it('may be answered again', async () => {
    const model = modelOf('plain');
    const chat = model.createChat();
    await say(chat, 'Hi');
    const { text } = await say(chat, 'Bye', { ...settings, seed: 7 });
    const { length } = chat.session.tokens;
    const reply = chat.regenerate({ ...settings, seed: 7 });
    let again = '';
    for await (const piece of reply) again += piece.text;
    expect(again).toBe(text);
    expect(await reply.result).toMatchObject({ usage: { promptTokens: 1 }, droppedTurns: 0 });
    expect(chat.session.tokens).toHaveLength(length);
    expect(chat.messages).toHaveLength(4);
    chat.clear();
    expect(chat.session.position).toBe(0);
    expect(() => chat.regenerate()).toThrow(
      /Expected an answer to regenerate, but there is none yet/,
    );
    expect((await say(chat, 'Hi')).keptTokens).toBe(0);
  });
});

describe('an answer that is ended early', () => {
  it('is remembered as far as it came, and closed by the template', async () => {
    const model = modelOf('chatMl');
    const chat = model.createChat();
    const controller = new AbortController();
    const reply = chat.send('Hi', { ...settings, maxTokens: 100, signal: controller.signal });
    let text = '';
    const error = await rejection(
      (async () => {
        for await (const piece of reply) {
          text += piece.text;
          if (text.length > 5) controller.abort();
        }
      })(),
    );
    expect(error).toMatchObject({ code: 'ERR_BITNET_ABORTED', keptTokens: 0, droppedTurns: 0 });
    expect(chat.messages).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: text },
    ]);
    const before = chat.session.position;
    const { keptTokens } = await say(chat, 'Bye', { ...settings, maxTokens: 0 });
    expect(keptTokens).toBe(before);
    expect(model.tokenizer.decode(chat.session.tokens, { special: true })).toContain(
      `${text}<|im_end|>\n<|im_start|>user\nBye<|im_end|>`,
    );
  });

  it('is remembered when the loop is left', async () => {
    const chat = modelOf('chatMl').createChat();
    for await (const piece of chat.send('Hi', settings)) if (piece.text !== '') break;
    expect(chat.messages).toHaveLength(2);
    expect(chat.messages[1]!.content).not.toBe('');
  });

  it('is not when there is none of it', async () => {
    const chat = modelOf('chatMl').createChat();
    await say(chat, 'Hi');
    const messages = chat.messages;
    const signal = AbortSignal.abort();
    expect(await rejection(say(chat, 'Bye', { signal }))).toMatchObject({
      code: 'ERR_BITNET_ABORTED',
    });
    expect(chat.messages).toEqual(messages);
    await say(chat, 'Bye');
    expect(chat.messages).toHaveLength(4);
  });
});

describe('a full context', () => {
  it('loses its oldest turns, whole', async () => {
    const chat = modelOf('chatMl').createChat({ contextLength: 160, system: 'Be kind.' });
    let dropped = 0;
    for (let turn = 0; turn < 12; turn++) {
      const result = await say(chat, `This is turn ${turn}.`);
      dropped += result.droppedTurns;
      expect(chat.messages).toHaveLength(2 * (turn + 1 - dropped));
      expect(chat.messages[0]!.content).toBe(`This is turn ${dropped}.`);
      expect(chat.messages.at(-2)!.content).toBe(`This is turn ${turn}.`);
      expect(chat.session.position).toBeLessThanOrEqual(160);
      const { tokenizer } = modelOf('chatMl');
      expect(tokenizer.decode(chat.session.tokens)).toMatch(/^system\nBe kind\./);
    }
    expect(dropped).toBeGreaterThan(4);
  });

  it('refuses a turn that is longer than it, and forgets nothing', async () => {
    const chat = modelOf('chatMl').createChat({ contextLength: 100 });
    await say(chat, 'Hi');
    const { messages } = chat;
    const tokens = [...chat.session.tokens];
    const error = await rejection(say(chat, 'x'.repeat(200)));
    expect(error).toMatchObject({ code: 'ERR_BITNET_CONTEXT' });
    expect((error as Error).message).toMatch(
      /in a context of 100 tokens, but the turn alone has \d+ tokens/,
    );
    expect(chat.messages).toEqual(messages);
    expect([...chat.session.tokens]).toEqual(tokens);
    expect((await say(chat, 'Bye')).keptTokens).toBe(tokens.length);
  });
});

describe('a chat on disk', () => {
  it('goes on as if it had never been away', async () => {
    const model = modelOf('trimming');
    const chat = model.createChat({ system: 'Be kind.' });
    await say(chat, 'Hi');
    await chat.save(temp('chat.session'));
    const other = model.createChat();
    await say(other, 'something else');
    await other.load(temp('chat.session'));
    expect(other.messages).toEqual(chat.messages);
    expect(other.system).toBe('Be kind.');
    const expected = await say(chat, 'Bye');
    const result = await say(other, 'Bye');
    expect(result.ids).toEqual(expected.ids);
    expect(result.keptTokens).toBe(expected.keptTokens);
  });

  it('is refused when it holds no chat or is damaged; the chat stays', async () => {
    const model = modelOf('trimming');
    const chat = model.createChat();
    await say(chat, 'Hi');
    const { messages } = chat;
    const tokens = [...chat.session.tokens];
    const session = model.createSession();
    await session.evaluate([1, 2, 3]);
    const wrong = { system: 1, messages: [], written: [] };
    const odd = { messages: [{ role: 'user', content: 'a' }], written: [] };
    const ids = { messages: [], written: [{ part: 'a', ids: [320] }] };
    for (const data of [
      undefined,
      null,
      3,
      {},
      { chat: 1 },
      ...[wrong, odd, ids].map((c) => ({ chat: c })),
    ]) {
      await session.save(temp('no-chat.session'), { data });
      const error = await rejection(chat.load(temp('no-chat.session')));
      expect(error).toMatchObject({ code: 'ERR_BITNET_SESSION' });
      expect((error as Error).message).toMatch(/to hold a chat, but it holds other text/);
    }
    await chat.save(temp('cut.session'));
    writeFileSync(temp('cut.session'), readFileSync(temp('cut.session')).subarray(0, -100));
    expect(await rejection(chat.load(temp('cut.session')))).toMatchObject({
      code: 'ERR_BITNET_SESSION',
    });
    expect(chat.messages).toEqual(messages);
    expect([...chat.session.tokens]).toEqual(tokens);
  });
});

describe('a model without a chat template', () => {
  it('goes on with each message as a text of its own', async () => {
    const model = modelOf('none');
    const chat = model.createChat();
    expect(chat.hasTemplate).toBe(false);
    for (const text of ['Once upon', 'A dog']) {
      const { ids } = await say(chat, text);
      const session = model.createSession();
      expect((await session.complete(text, settings)).ids).toEqual(ids);
      expect(chat.messages).toHaveLength(2);
      expect(chat.messages[0]!.content).toBe(text);
    }
  });

  it('takes no system message', () => {
    const create = () => modelOf('none').createChat({ system: 'Be kind.' });
    expect(create).toThrow(/Expected no system message: the model has no chat template/);
  });
});

it('a chat refuses wrong arguments', () => {
  const model = modelOf('chatMl');
  const chat = model.createChat() as unknown as { send(...args: unknown[]): unknown };
  const code = 'ERR_BITNET_ARGUMENT';
  for (const call of [
    () => chat.send(3),
    () => chat.send('Hi', { temperatur: 1 }),
    () => model.createChat({ system: 3 } as never),
    () => model.createChat({ sytem: '' } as never),
  ]) {
    expect(call).toThrow(expect.objectContaining({ code }));
  }
});
