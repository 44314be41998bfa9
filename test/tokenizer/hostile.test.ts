import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { type GgufEntries, writeGguf } from '../../lib/gguf/writer.js';
import { createTokenizer, type Tokenizer } from '../../lib/tokenizer/index.js';
import { maxTextLength } from '../../lib/tokenizer/limits.js';
import { MergeQueue } from '../../lib/tokenizer/merge-queue.js';
import { MergeTable } from '../../lib/tokenizer/merge-table.js';
import { preTokenizers } from '../../lib/tokenizer/pre-tokenizers.js';
import { splitWords } from '../../lib/tokenizer/split-words.js';
import { TextTable } from '../../lib/tokenizer/text-table.js';
import { countCalls } from '../fixtures/count-calls.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bpeFile, byteLetters, spmFile } from './vocabularies.js';

const temp = tempFolder();
const string = (value: string) => ({ type: 'string', value }) as const;
const strings = (values: string[]) => ({ type: 'array', elementType: 'string', values }) as const;
const ints = (values: number[]) => ({ type: 'array', elementType: 'i32', values }) as const;
const floats = (values: number[]) => ({ type: 'array', elementType: 'f32', values }) as const;
const u32 = (value: number) => ({ type: 'u32', value }) as const;
const bool = (value: boolean) => ({ type: 'bool', value }) as const;

/** Small, so that most of its bytes matter. */
const files: Record<string, GgufEntries> = {
  'byte-level BPE': Object.entries({
    'tokenizer.ggml.model': string('gpt2'),
    'tokenizer.ggml.pre': string('llama-bpe'),
    'tokenizer.ggml.tokens': strings([...'abcĠ', 'ab', 'abc', '<s>', '<|eot_id|>', '  ']),
    'tokenizer.ggml.token_type': ints([1, 1, 1, 1, 1, 1, 3, 1, 4]),
    'tokenizer.ggml.merges': strings(['a b', 'ab c', 'Ġ ab']),
    'tokenizer.ggml.bos_token_id': u32(6),
    'tokenizer.ggml.eos_token_id': u32(7),
    'tokenizer.ggml.add_bos_token': bool(true),
  }),
  SentencePiece: Object.entries({
    'tokenizer.ggml.model': string('llama'),
    'tokenizer.ggml.tokens': strings(['<unk>', '<s>', '</s>', '<0x61>', '▁', 'a', '▁a', 'aa', 'x']),
    'tokenizer.ggml.scores': floats([0, 0, 0, 0, -3, -4, -1, -2, -9]),
    'tokenizer.ggml.token_type': ints([2, 3, 3, 6, 1, 1, 1, 1, 4]),
    'tokenizer.ggml.eos_token_id': u32(2),
    'tokenizer.ggml.unknown_token_id': u32(0),
    'tokenizer.ggml.add_space_prefix': bool(true),
  }),
};

describe('A vocabulary with bytes changed', () => {
  it.each(Object.keys(files))(
    '%s is used or refused with a BitnetError, 5000 times',
    async (name) => {
      const path = temp(`${name}.gguf`);
      await writeGguf(path, { metadata: files[name]! });
      const sound = await readFile(path);
      const next = random(name.length);
      const codes = new Map<string, number>();
      for (let i = 0; i < 5000; i++) {
        const bytes = Buffer.from(sound);
        const flips = 1 + Math.floor(3 * next());
        for (let flip = 0; flip < flips; flip++) {
          bytes[24 + Math.floor(next() * (bytes.length - 24))] = Math.floor(256 * next());
        }
        await writeFile(path, bytes);
        const code = await outcome(path);
        codes.set(code, 1 + (codes.get(code) ?? 0));
      }
      const allowed = ['ERR_BITNET_GGUF', 'ERR_BITNET_TOKENIZER', 'used'];
      expect([...codes.keys()].sort()).toEqual(allowed);
      expect(codes.get('ERR_BITNET_TOKENIZER')).toBeGreaterThan(100);
      expect(codes.get('used')).toBeGreaterThan(100);
    },
  );
});

async function outcome(path: string): Promise<string> {
  try {
    const tokenizer = await createTokenizer(await readGguf(path));
    exercise(tokenizer);
    return 'used';
  } catch (error) {
    return error instanceof BitnetError ? error.code : `${(error as Error).stack}`;
  }
}

function exercise(tokenizer: Tokenizer): void {
  const options = { addSpecial: true, parseSpecial: true };
  const ids = tokenizer.encode('abc aab<s>  é<|eot_id|>', options);
  for (const id of [...ids, ...tokenizer.endOfGeneration]) {
    if (!(id >= 0 && id < tokenizer.vocabSize)) throw new Error(`id ${id}`);
  }
  tokenizer.decode(
    Array.from({ length: tokenizer.vocabSize }, (_, id) => id),
    { special: true },
  );
}

/** Texts of `size` characters without a place to cut them. */
const endless = (size: number): Readonly<Record<string, string>> => ({
  spaces: ' '.repeat(size),
  'spaces before a letter': `${' '.repeat(size - 1)}x`,
  'one letter': 'a'.repeat(size),
  'many letters': Array.from({ length: size }, (_, i) => 'abcd'[((i * i) % 7) % 4]).join(''),
  'Chinese letters': '漢字'.repeat(size / 2),
  'letters outside of the first plane': '𝒜'.repeat(size / 2),
  punctuation: '!'.repeat(size),
  apostrophes: "'".repeat(size),
  'line ends': '\r\n'.repeat(size / 2),
  'spaces and line ends': ' \n'.repeat(size / 2),
  digits: '1'.repeat(size),
  'beginnings of a control token': '<|'.repeat(size / 2),
  'lone surrogates': '\ud800'.repeat(size),
});

describe('A prompt of the greatest length, without a place to cut it,', () => {
  const texts = endless(maxTextLength);

  // Those whose expressions keep most of what they may have to go back to.
  it.each(['gpt-2', 'llama-bpe', 'gpt-4o', 'kimi-k2', 'exaone-moe'])(
    'is split into words by %s, whatever it is made of',
    (pre) => {
      for (const [name, text] of Object.entries(texts)) {
        let length = 0;
        splitWords(text, preTokenizers.get(pre)!.split, (word) => {
          length += word.length;
        });
        expect(length, name).toBe(text.length);
      }
    },
  );
});

describe('A prompt of 262,144 characters without a place to cut it', () => {
  const texts = endless(2 ** 18);
  const tokenizers = new Map<string, Tokenizer>();

  beforeAll(async () => {
    const merges = ['a a', 'aa aa', 'a b', 'b c', 'Ġ Ġ', 'ĠĠ ĠĠ', '! !', 'æ ¼', 'æ¼ ¢', 'Ċ Ċ'];
    const extra = [['<|<|<|<|<|x', 3]] as const;
    const bpe = bpeFile({ merges, extra, entries: { pre: 'llama-bpe' } });
    tokenizers.set('BPE', await createTokenizer(bpe));
    const pieces = ['▁', '▁▁', 'a', 'aa', 'aaaa', 'b', 'ab', 'abc', '漢', '漢字', '!', '!!'];
    const scored = pieces.map((piece, i) => [piece, -i] as const);
    tokenizers.set('SentencePiece', await createTokenizer(spmFile({ pieces: scored })));
  });

  it.each(Object.keys(texts))('of %s takes a few steps a byte, and nothing is lost', (name) => {
    const text = texts[name]!;
    for (const [kind, tokenizer] of tokenizers) {
      let ids: number[] = [];
      const steps = mergeSteps(() => {
        ids = tokenizer.encode(text, { parseSpecial: true });
      });
      expect(steps, kind).toBeLessThanOrEqual(7 * Buffer.byteLength(text));
      expect(tokenizer.decode(ids) === Buffer.from(text).toString(), kind).toBe(true);
    }
  });
});

describe('A vocabulary made to be slow', () => {
  it('with 200,000 equal tokens finds the first', async () => {
    const tokens = [...byteLetters, ...Array.from({ length: 200_000 }, () => 'same')];
    const entries = { tokens, token_type: undefined, pre: 'llama-bpe' };
    const tokenizer = await createTokenizer(bpeFile({ merges: [], entries }));
    expect(tokenizer.encode('same')).toEqual([256]);
  });

  it('with merges that grow by one letter each takes a few steps a byte', async () => {
    const merges = Array.from({ length: 2000 }, (_, i) => `${'a'.repeat(i + 1)} a`);
    const tokenizer = await createTokenizer(bpeFile({ merges: merges.reverse() }));
    let ids: number[] = [];
    const steps = mergeSteps(() => {
      ids = tokenizer.encode('a'.repeat(2 ** 17));
    });
    expect(steps).toBeLessThanOrEqual(7 * 2 ** 17);
    expect(tokenizer.decode(ids)).toHaveLength(2 ** 17);
  });

  it('with pieces that grow by one letter each takes a few steps a byte', async () => {
    const pieces = Array.from({ length: 2000 }, (_, i) => ['a'.repeat(i + 1), i] as const);
    const tokenizer = await createTokenizer(spmFile({ pieces }));
    const steps = mergeSteps(() => tokenizer.encode('a'.repeat(2 ** 17)));
    expect(steps).toBeLessThanOrEqual(7 * 2 ** 17);
  });
});

/** How often pairs are looked up and queued. */
function mergeSteps(work: () => void): number {
  let [ranks, finds] = [0, 0];
  const pushes = countCalls(MergeQueue, 'push', () => {
    ranks = countCalls(MergeTable, 'rank', () => {
      finds = countCalls(TextTable, 'find', work);
    });
  });
  return pushes + ranks + finds;
}
