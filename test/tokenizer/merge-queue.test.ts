import { describe, expect, it } from 'vitest';
import { MergeQueue } from '../../lib/tokenizer/merge-queue.js';
import { random } from '../fixtures/random.js';

describe('The queue of merges', () => {
  it('gives the lowest rank first, of equal ones the leftmost, however they came in', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const next = random(seed);
      const queue = new MergeQueue(5);
      const waiting: [rank: number, place: number][] = [];
      const popped = () => {
        const place = queue.pop();
        return place < 0 ? undefined : [queue.popped, place];
      };
      for (let i = 0; i < 400; i++) {
        if (next() < 0.6) {
          const pair = [Math.floor(5 * next()), Math.floor(50 * next())] as const;
          queue.push(...pair);
          waiting.push([...pair]);
          waiting.sort(([rankA, placeA], [rankB, placeB]) => rankA - rankB || placeA - placeB);
        } else {
          expect(popped(), `seed ${seed}`).toEqual(waiting.shift());
        }
      }
      while (waiting.length > 0) expect(popped(), `seed ${seed}`).toEqual(waiting.shift());
      expect(queue.pop()).toBe(-1);
    }
  });

  it('keeps its order after it was emptied and trimmed', () => {
    const queue = new MergeQueue(3);
    for (let round = 0; round < 3; round++) {
      for (let place = 9999; place >= 0; place--) queue.push(place % 3, place);
      const places = Array.from({ length: 10_000 }, () => queue.pop());
      const expected = [0, 1, 2].flatMap((rank) =>
        Array.from({ length: 10_000 }, (_, place) => place).filter((place) => place % 3 === rank),
      );
      expect(places).toEqual(expected);
      expect(queue.pop()).toBe(-1);
      queue.trim();
    }
  });
});
