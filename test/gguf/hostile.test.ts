import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { array, entry, id, info, type RawFile, rawFile, str, u8, u32, u64 } from './raw-file.js';

const temp = tempFolder();
const path = temp('bad.gguf');

async function errorOf(file: RawFile | Buffer): Promise<BitnetError> {
  await writeFile(path, Buffer.isBuffer(file) ? file : rawFile(file));
  const error = await readGguf(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BitnetError);
  return error as BitnetError;
}

const damaged = 'the file is damaged, download or convert it again';
const incomplete = 'the file is incomplete, download it again';

/** The whole sentence for a field of the file. */
const sentence = (field: string, expected: string, found: string, advice = damaged) =>
  `Expected ${field} of "${path}" to be ${expected}, but found ${found}; ${advice}.`;

const cases: [title: string, file: RawFile | Buffer, sentence: string][] = [
  [
    'an empty file',
    Buffer.alloc(0),
    sentence('the header magic', '"GGUF"', 'an empty file', 'download or convert the model again'),
  ],
  [
    'another format',
    Buffer.from('{"a":1}                  '),
    sentence(
      'the header magic',
      '47475546 ("GGUF")',
      '7b226122',
      'this is no GGUF model, give the path of one',
    ),
  ],
  [
    'a file of two bytes',
    Buffer.from('GG'),
    sentence(
      'the header magic',
      '47475546 ("GGUF")',
      '4747',
      'this is no GGUF model, give the path of one',
    ),
  ],
  [
    'a Git LFS pointer',
    Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    sentence(
      'the header magic',
      '47475546 ("GGUF")',
      '76657273',
      'this is a Git LFS pointer, run "git lfs pull" to get the model itself',
    ),
  ],
  [
    'version 1',
    { version: 1 },
    sentence(
      'the header version',
      '2 or 3',
      '1',
      'convert the model again with a current converter',
    ),
  ],
  [
    'version 0',
    { version: 0 },
    sentence(
      'the header version',
      '2 or 3',
      '0',
      'convert the model again with a current converter',
    ),
  ],
  [
    'a big-endian file',
    { version: 0x03000000 },
    sentence(
      'the header byte order',
      'little-endian',
      'a big-endian file',
      'convert the model again with a current converter',
    ),
  ],
  [
    'an absurd number of tensors',
    { infoCount: 2n ** 64n - 1n },
    sentence('the header tensor count', 'at most 65536', '18446744073709551615'),
  ],
  [
    'an absurd number of metadata entries',
    { entryCount: 65_537 },
    sentence('the header metadata count', 'at most 65536', '65537'),
  ],
  [
    'fewer metadata entries than announced',
    { entries: [entry('a', id.u8, u8(1))], entryCount: 2 },
    sentence(
      'metadata entry 1 key length',
      '8 bytes at offset 38',
      'the end of the file at 38',
      incomplete,
    ),
  ],
  [
    'an empty key',
    { entries: [entry('', id.u8, u8(1))] },
    sentence('metadata entry 0 key', 'a non-empty string', 'an empty one'),
  ],
  [
    'a key longer than the format allows',
    { entries: [entry('k'.repeat(65_536), id.u8, u8(1))] },
    sentence('metadata entry 0 key length', 'at most 65535', '65536'),
  ],
  [
    'a key that occurs twice',
    { entries: [entry('a', id.u8, u8(1)), entry('a', id.string, str('x'))] },
    sentence('metadata "a" key', 'unique', 'it again as entry 1'),
  ],
  [
    'an unknown value type',
    { entries: [entry('a', 13, u8(1))] },
    sentence('metadata "a" type', 'from 0 to 12', '13'),
  ],
  [
    'a string longer than the file',
    { entries: [entry('a', id.string, u64(1000))] },
    sentence(
      'metadata "a" value',
      '1000 bytes at offset 45',
      'the end of the file at 45',
      incomplete,
    ),
  ],
  [
    'a string of 2^63 bytes',
    { entries: [entry('a', id.string, u64(2n ** 63n))] },
    sentence('metadata "a" value length', 'at most 67108864', '9223372036854775808'),
  ],
  [
    'an array with an unknown element type',
    { entries: [entry('a', id.array, array(99, 0))] },
    sentence('metadata "a" element type', 'from 0 to 12', '99'),
  ],
  [
    'an array of arrays',
    { entries: [entry('a', id.array, array(id.array, 1, array(id.u8, 0)))] },
    sentence(
      'metadata "a" element type',
      'a plain type',
      'an array in an array',
      'remove this entry',
    ),
  ],
  [
    'arrays nested a thousand deep',
    { entries: [entry('a', id.array, ...Array.from({ length: 1000 }, () => array(id.array, 1)))] },
    sentence(
      'metadata "a" element type',
      'a plain type',
      'an array in an array',
      'remove this entry',
    ),
  ],
  [
    'an array of 2^63 strings',
    { entries: [entry('a', id.array, array(id.string, 2n ** 63n))] },
    sentence('metadata "a" length', 'at most 16777216', '9223372036854775808'),
  ],
  [
    'an array of 2^24 strings in a file of 50 bytes',
    { entries: [entry('a', id.array, array(id.string, 2 ** 24))] },
    sentence(
      'metadata "a" elements',
      '134217728 bytes at offset 49',
      'the end of the file at 49',
      incomplete,
    ),
  ],
  [
    'an array of numbers longer than the file',
    { entries: [entry('a', id.array, array(id.f64, 100))] },
    sentence(
      'metadata "a" elements',
      '800 bytes at offset 49',
      'the end of the file at 49',
      incomplete,
    ),
  ],
  [
    'a string in an array that is too long',
    { entries: [entry('a', id.array, array(id.string, 2, str('x'), u64(2n ** 40n)))] },
    sentence('metadata "a" element 1 length', 'at most 67108864', '1099511627776'),
  ],
  [
    'a string in an array that passes the end of the file',
    { entries: [entry('a', id.array, array(id.string, 2, str('x'), u64(5), Buffer.from('abc')))] },
    sentence(
      'metadata "a" element 1',
      '5 bytes at offset 66',
      'the end of the file at 69',
      incomplete,
    ),
  ],
  ...[0, 3, 48, 2 ** 31, 2 ** 25].map((alignment): [string, RawFile, string] => [
    `an alignment of ${alignment}`,
    { entries: [entry('general.alignment', id.u32, u32(alignment))] },
    sentence('metadata "general.alignment"', 'a power of two up to 16777216', `${alignment}`),
  ]),
  [
    'an alignment of another type',
    { entries: [entry('general.alignment', id.u64, u64(32))] },
    sentence('metadata "general.alignment" type', 'u32', 'u64'),
  ],
  [
    'an alignment that is an array',
    { entries: [entry('general.alignment', id.array, array(id.u32, 1, u32(32)))] },
    sentence('metadata "general.alignment" type', 'u32', 'array'),
  ],
  [
    'a tensor name of 64 bytes',
    { infos: [info('n'.repeat(64), [1], 0, 0)] },
    sentence('tensor 0 name length', 'at most 63', '64'),
  ],
  [
    'a tensor name that occurs twice',
    { infos: [info('a', [1], 0, 0), info('a', [1], 0, 32)], data: Buffer.alloc(64) },
    sentence('tensor 1 "a" name', 'unique', 'it a second time'),
  ],
  [
    'five dimensions',
    { infos: [info('a', [1, 1, 1, 1, 1], 0, 0)] },
    sentence('tensor 0 "a" dimension count', 'at most 4', '5'),
  ],
  [
    '2^32 − 1 dimensions',
    { infos: [Buffer.concat([str('a'), u32(2 ** 32 - 1), Buffer.alloc(64)])] },
    sentence('tensor 0 "a" dimension count', 'at most 4', '4294967295'),
  ],
  [
    'a negative dimension',
    { infos: [info('a', [2n ** 64n - 1n], 0, 0)] },
    sentence('tensor 0 "a" dimension 0', 'at most 281474976710656', '18446744073709551615'),
  ],
  [
    'dimensions whose product wraps to 0',
    { infos: [info('a', [2n ** 32n, 2n ** 32n], 0, 0)], data: Buffer.alloc(32) },
    sentence('tensor 0 "a" element count', 'at most 281474976710656', '4294967296 × 4294967296'),
  ],
  [
    'dimensions whose product is 0 only because of the last one',
    { infos: [info('a', [2n ** 48n, 2n ** 48n, 0], 0, 0)], data: Buffer.alloc(32) },
    sentence(
      'tensor 0 "a" element count',
      'at most 281474976710656',
      '281474976710656 × 281474976710656',
    ),
  ],
  [
    'an offset that is not aligned',
    { infos: [info('blk.0.ffn_up.weight', [1], 0, 33)], data: Buffer.alloc(64) },
    sentence('tensor 0 "blk.0.ffn_up.weight" offset', 'a multiple of the alignment 32', '33'),
  ],
  [
    'an offset of 2^64 − 32',
    { infos: [info('a', [1], 0, 2n ** 64n - 32n)], data: Buffer.alloc(64) },
    sentence('tensor 0 "a" offset', 'at most 9007199254740991', '18446744073709551584'),
  ],
  [
    'a row that is no multiple of the block',
    { infos: [info('a', [250, 4], 14, 0)], data: Buffer.alloc(4096) },
    sentence('tensor 0 "a" shape', 'one that Q6_K can hold, in blocks of 256 per row', '[250, 4]'),
  ],
  [
    'two tensors that overlap',
    { infos: [info('a', [16], 0, 0), info('b', [16], 0, 32)], data: Buffer.alloc(128) },
    sentence('tensor 0 "a" data end', 'at most 128, where tensor 1 "b" begins', '160'),
  ],
  [
    'two tensors at one offset',
    { infos: [info('a', [16], 0, 0), info('b', [8], 0, 0)], data: Buffer.alloc(128) },
    sentence('tensor 1 "b" data end', 'at most 96, where tensor 0 "a" begins', '128'),
  ],
  [
    'a last tensor that passes the end of the file',
    { infos: [info('a', [16], 0, 0)], data: Buffer.alloc(63) },
    sentence('tensor 0 "a" data end', 'at most 127, the size of the file', '128', incomplete),
  ],
  [
    'a tensor far behind the end of the file',
    { infos: [info('a', [16], 0, 2 ** 40)], data: Buffer.alloc(64) },
    sentence(
      'tensor 0 "a" data end',
      'at most 128, the size of the file',
      '1099511627904',
      incomplete,
    ),
  ],
  [
    'a tensor of an unknown type behind the end of the file',
    { infos: [info('a', [16], 77, 2 ** 40)], data: Buffer.alloc(64) },
    sentence(
      'tensor 0 "a" data end',
      'at most 128, the size of the file',
      '1099511627840',
      incomplete,
    ),
  ],
  [
    'tensors without any data',
    { infos: [info('a', [16], 0, 0)] },
    sentence('tensor 0 "a" data end', 'at most 57, the size of the file', '128', incomplete),
  ],
];

describe('readGguf refuses', () => {
  it.each(cases)('%s', async (_, file, message) => {
    const error = await errorOf(file);
    expect(error.message).toBe(message);
    expect(error.code).toBe('ERR_BITNET_GGUF');
    expect(error).toMatchObject({ path });
  });

  it('names without letting them write control codes to a terminal', async () => {
    const name = 'a\u001b[31m"\u202e\u009b\n';
    const { message } = await errorOf({ infos: [info(name, [1], 0, 1)] });
    expect(message).toContain('"a\\u{1b}[31m\\u{22}\\u{202e}\\u{9b}\\u{a}"');
  });

  it('long keys in a sentence that stays short', async () => {
    const { message } = await errorOf({ entries: [entry('k'.repeat(60_000), 99)] });
    expect(message).toContain(`metadata "${'k'.repeat(80)}…" type`);
  });

  it('a header larger than any real one, however large the file', async () => {
    const { open } = await import('node:fs/promises');
    const big = temp('sparse.gguf');
    const length = 60 * 1024 * 1024;
    const handle = await open(big, 'w');
    await handle.write(rawFile({ entryCount: 6 }), 0);
    for (let i = 0, at = 24; i < 6; i++) {
      const start = entry(`k${i}`, id.array, array(id.u8, 2 ** 24));
      await handle.write(start, 0, start.length, at);
      at += start.length + 2 ** 24;
    }
    await handle.truncate(10 * length);
    await handle.close();
    // Six arrays of 16 MiB are fine; what follows them is zeros, that is, an empty file's end.
    expect((await readGguf(big)).metadata.size).toBe(6);

    const strings = await open(big, 'w');
    await strings.write(rawFile({ entryCount: 6 }), 0);
    for (let i = 0, at = 24; i < 6; i++) {
      const start = entry(`k${i}`, id.string, u64(length));
      await strings.write(start, 0, start.length, at);
      at += start.length + length;
    }
    await strings.truncate(10 * length);
    await strings.close();
    await expect(readGguf(big)).rejects.toThrow(
      /Expected metadata "k4" value of ".*" to be within the first 268435456 bytes, where a header ends, but found an end at 314572\d{3}; /,
    );
  });
});

describe('a sound small file', () => {
  const sound = rawFile({
    entries: [
      entry('general.architecture', id.string, str('x')),
      entry('tokens', id.array, array(id.string, 3, str('a'), str(''), str('bc'))),
      entry('kinds', id.array, array(id.i32, 3, u32(1), u32(2), u32(3))),
      entry('flag', id.bool, u8(1)),
    ],
    infos: [info('a', [8, 2], 0, 0), info('b', [8], 1, 64)],
    data: Buffer.alloc(80),
  });

  it('is refused as incomplete when cut at any byte', async () => {
    await writeFile(path, sound);
    expect((await readGguf(path)).tensors).toHaveLength(2);
    for (let length = 0; length < sound.length; length++) {
      const error = await errorOf(sound.subarray(0, length));
      expect(error.code).toBe('ERR_BITNET_GGUF');
      if (length >= 4)
        expect(error.message).toContain('; the file is incomplete, download it again.');
    }
  });
});
