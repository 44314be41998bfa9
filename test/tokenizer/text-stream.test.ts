import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { TextStream, type TextStreamOptions } from '../../lib/tokenizer/text-stream.js';
import { random } from '../fixtures/random.js';
import { bpeFile, spmFile } from './vocabularies.js';

/** A tokenizer whose ids 0, 1, … stand for the given bytes. */
const tokensOf = (...pieces: (string | number[])[]) => ({
  addSpacePrefix: false,
  tokenBytes: (id: number) => Uint8Array.from(Buffer.from(pieces[id] as string)),
});

function stream(pieces: (string | number[])[], options?: TextStreamOptions) {
  const text = new TextStream(tokensOf(...pieces), options);
  const parts = pieces.map((_, id) => text.push(id));
  return { parts, end: text.flush(), stopped: text.stopped };
}

describe('A text stream', () => {
  it('gives out each token at once', () => {
    expect(stream(['Hel', 'lo', ' world'])).toEqual({
      parts: ['Hel', 'lo', ' world'],
      end: '',
      stopped: undefined,
    });
  });

  it('holds a character back until all of its bytes are there', () => {
    expect(stream([[0xf0], [0x9f, 0x98], [0x80, 0x21]]).parts).toEqual(['', '', '😀!']);
  });

  it('writes U+FFFD for bytes that cannot become a character, and keeps the rest', () => {
    expect(stream([[0xf0, 0x9f], 'a', [0xff], 'b']).parts).toEqual(['', '\ufffda', '\ufffd', 'b']);
  });

  it('writes U+FFFD for a character that is still incomplete at the end', () => {
    expect(stream(['a', [0xe6, 0xbc]])).toMatchObject({ parts: ['a', ''], end: '\ufffd' });
  });

  it('keeps a byte order mark', () => {
    expect(stream(['\ufeffa']).parts).toEqual(['\ufeffa']);
  });

  it('gives nothing out for tokens without bytes', () => {
    expect(stream(['', 'a', '']).parts).toEqual(['', 'a', '']);
  });
});

describe('A stop string', () => {
  it('ends the text before it, wherever tokens begin and end', () => {
    const stop = ['\nUser:'];
    expect(stream(['Hi', '.\nUs', 'er: yes', 'more'], { stop })).toEqual({
      parts: ['Hi', '.', '', ''],
      end: '',
      stopped: '\nUser:',
    });
    expect(stream(['one\nUser:two'], { stop })).toMatchObject({ parts: ['one'], stopped: stop[0] });
  });

  it('that does not come true is given out after all', () => {
    expect(stream(['a', '\nUs', 'ed', '\n'], { stop: ['\nUser:'] })).toEqual({
      parts: ['a', '', '\nUsed', ''],
      end: '\n',
      stopped: undefined,
    });
  });

  it('that may begin again inside itself is still found', () => {
    expect(stream(['aab', 'aabaa', 'c'], { stop: ['aabaac'] })).toEqual({
      parts: ['', 'aab', ''],
      end: '',
      stopped: 'aabaac',
    });
  });

  it('of several is the one complete first, of those the longest', () => {
    const first = stream(['abcd'], { stop: ['abcd', 'bc'] });
    expect(first).toMatchObject({ parts: ['a'], stopped: 'bc' });
    const longest = stream(['xabc'], { stop: ['c', 'abc', 'bc'] });
    expect(longest).toMatchObject({ parts: ['x'], stopped: 'abc' });
  });

  it('may need bytes of several tokens', () => {
    const stop = ['漢!'];
    expect(stream([[0xe6], [0xbc, 0xa2], '!'], { stop })).toMatchObject({ stopped: '漢!' });
  });
});

describe('The pieces of a stream', () => {
  it('are together what decode gives, however the bytes fall on tokens', async () => {
    const tokenizer = await createTokenizer(bpeFile({ merges: [] }));
    const next = random(7);
    const letters = ['a', ' ', 'é', '漢', '😀', '\ufeff', '\n'];
    for (let round = 0; round < 300; round++) {
      const ids = Array.from({ length: Math.floor(next() * 30) }, () => letters)
        .flatMap((all) => tokenizer.encode(all[Math.floor(next() * all.length)]!))
        .filter(() => next() > 0.1); // some bytes are missing
      const text = new TextStream(tokenizer);
      const parts = [...ids.map((id) => text.push(id)), text.flush()];
      expect(parts.join('')).toBe(tokenizer.decode(ids));
    }
  });

  it('end at the same place and string however the text is cut', () => {
    const next = random(11);
    const letter = () => 'ab漢'[Math.floor(next() * 3)]!;
    for (let round = 0; round < 500; round++) {
      const whole = Array.from({ length: Math.floor(next() * 40) }, letter).join('');
      const stop = Array.from({ length: 1 + Math.floor(next() * 3) }, () =>
        Array.from({ length: 1 + Math.floor(next() * 4) }, letter).join(''),
      );
      const bytes = Buffer.from(whole);
      const pieces: number[][] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + Math.floor(next() * 6);
        pieces.push([...bytes.subarray(at, at + length)]);
        at += length;
      }
      const { parts, end, stopped } = stream(pieces, { stop });
      expect({ text: parts.join('') + end, stopped }).toEqual(firstStop(whole, stop));
    }
  });
});

/** Tries every end of the text, shortest first. */
function firstStop(text: string, stop: readonly string[]) {
  for (let end = 1; end <= text.length; end++) {
    const ending = stop
      .filter((candidate) => text.slice(0, end).endsWith(candidate))
      .sort((a, b) => b.length - a.length)[0];
    if (ending !== undefined) return { text: text.slice(0, end - ending.length), stopped: ending };
  }
  return { text, stopped: undefined };
}

describe('The space before a SentencePiece text', () => {
  const create = () =>
    createTokenizer(
      spmFile({
        pieces: [
          ['▁hi', -1],
          ['▁', -2],
        ],
      }),
    );

  it('is taken away at the start of a text, as decode does', async () => {
    const tokenizer = await create();
    const text = new TextStream(tokenizer, { atStart: true });
    expect([1, 259, 259].map((id) => text.push(id))).toEqual(['', 'hi', ' hi']);
  });

  it('is kept in a text that continues another', async () => {
    const text = new TextStream(await create());
    expect([259, 259].map((id) => text.push(id))).toEqual([' hi', ' hi']);
  });

  it('is taken away only once', async () => {
    const tokenizer = await create();
    const text = new TextStream(tokenizer, { atStart: true });
    expect([260, 259].map((id) => text.push(id)).join('')).toBe(tokenizer.decode([260, 259]));
  });
});
