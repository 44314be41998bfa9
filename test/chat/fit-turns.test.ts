import { describe, expect, it } from 'vitest';
import { fewestDropped } from '../../lib/chat/fit-turns.js';
import type { ChatMessage } from '../../lib/chat/messages.js';

/** A chat of `turns` turns and a message, of lengths that differ widely. */
function chatOf(turns: number): ChatMessage[] {
  return Array.from({ length: 2 * turns + 1 }, (_, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: 'x'.repeat(1 + ((i * 7919) % 97) * (i % 5 === 0 ? 20 : 1)),
  }));
}

describe('The turns that are dropped', () => {
  it.each([1, 2, 3, 10, 100])('are the fewest of %d, whatever must fit', async (turns) => {
    const messages = chatOf(turns);
    for (let right = 1; right <= turns; right++) {
      for (const share of [0, 0.01, 0.5, 0.99, 1]) {
        const fits = async (dropped: number) => dropped >= right;
        expect(await fewestDropped(messages, share, fits)).toBe(right);
      }
    }
  });

  it('are all but the last message when nothing fits', async () => {
    expect(await fewestDropped(chatOf(10), 0.5, async () => false)).toBe(10);
  });

  it('are found with few looks: the guess is near, and the rest is halved', async () => {
    const messages = chatOf(4999);
    const lengths = messages.map(({ content }) => content.length);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    let looks = 0;
    const fits = async (dropped: number) => {
      looks++;
      const rest = lengths.slice(2 * dropped).reduce((sum, length) => sum + length + 3, 0);
      return rest <= total * 0.5;
    };
    await fewestDropped(messages, 0.49, fits);
    expect(looks).toBeLessThan(20);
  });
});
