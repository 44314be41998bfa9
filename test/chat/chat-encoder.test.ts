import { expect, it, vi } from 'vitest';
import { chatEncoder } from '../../lib/chat/chat-encoder.js';
import type { ChatMessage } from '../../lib/chat/messages.js';
import { type Budget, spend } from '../../lib/chat/render.js';
import type { ChatTemplate } from '../../lib/chat/template.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { bpeFile, control } from '../tokenizer/vocabularies.js';

const messages: ChatMessage[] = Array.from({ length: 9 }, (_, i) => ({
  role: i % 2 === 0 ? 'user' : 'assistant',
  content: `message ${i}`,
}));

async function encoderWith(parts: ChatTemplate['parts']) {
  const tokenizer = await createTokenizer(bpeFile({ merges: [], extra: [['<end>', control]] }));
  const encode = vi.spyOn(tokenizer, 'encode');
  const template = { parts } as ChatTemplate;
  const encoded = chatEncoder({ tokenizer, template, system: 'Be kind.', written: [] });
  return { encoded, encode, encodeLong: vi.spyOn(tokenizer, 'encodeInSteps') };
}

it('All that a turn renders and encodes shares one budget', async () => {
  const budgets: (Budget | undefined)[] = [];
  const { encoded } = await encoderWith((all, _options, budget) => {
    budgets.push(budget);
    spend(budget!, 1_500_000);
    return all.map(({ content }) => content);
  });
  await encoded(messages);
  await encoded(messages.slice(2));
  await expect(encoded(messages.slice(4))).rejects.toThrow(
    /Expected a chat template .* but it takes over 4000000 steps; choose another/,
  );
  expect(new Set(budgets).size).toBe(1);
  expect(budgets[0]).toBeDefined();
});

it('No text is encoded twice in a turn, and no messages are rendered twice', async () => {
  const render = vi.fn((all: readonly ChatMessage[]) => all.map(({ content }) => content));
  const { encoded, encode } = await encoderWith(render);
  const ids = await encoded(messages);
  await encoded(messages.slice(2));
  expect(encode).toHaveBeenCalledTimes(10);
  expect(await encoded(messages)).toBe(ids);
  expect(render).toHaveBeenCalledTimes(2);
  expect(ids.map(({ part }) => part)).toEqual(['Be kind.', ...messages.map((m) => m.content)]);
});

it('What a template writes is paid for by the character before it is encoded', async () => {
  const { encoded, encodeLong } = await encoderWith(() => ['x'.repeat(2_000_000)]);
  await encoded(messages);
  const other = await encoderWith(() => ['x'.repeat(2_000_000), 'y'.repeat(2_000_000), 'z']);
  await expect(other.encoded(messages)).rejects.toThrow(/takes over 4000000 steps/);
  expect(encodeLong).toHaveBeenCalledOnce();
});
