import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GgufNumbers, GgufStrings } from '../../lib/gguf/array.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { type GgufContents, type GgufTyped, writeGguf } from '../../lib/gguf/writer.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { array, entry, f32, id, info, rawFile, str, u8, u32, u64 } from './raw-file.js';

const temp = tempFolder();
const path = temp('written.gguf');

const write = (contents: Partial<GgufContents>) =>
  writeGguf(path, { metadata: [], ...contents }, { overwrite: true });

describe('writeGguf', () => {
  it('writes the bytes of the format', async () => {
    await write({
      metadata: [
        ['a', { type: 'u8', value: 1 }],
        ['b', { type: 'i32', value: -2 }],
        ['c', { type: 'f32', value: 0.5 }],
        ['d', { type: 'bool', value: true }],
        ['e', { type: 'string', value: 'é' }],
        ['f', { type: 'u64', value: 2n ** 64n - 1n }],
        ['g', { type: 'i64', value: -1 }],
        ['h', { type: 'array', elementType: 'string', values: ['x', Buffer.of(0xff)] }],
        ['i', { type: 'array', elementType: 'i32', values: Int32Array.of(1, -1) }],
      ],
      tensors: [
        { name: 't', dims: [3, 2], type: 'F32', data: Buffer.alloc(24, 7) },
        { name: 'u', dims: [5], type: 'I8', data: Buffer.from('12345') },
      ],
    });
    const expected = rawFile({
      entries: [
        entry('a', id.u8, u8(1)),
        entry('b', id.i32, u32(2 ** 32 - 2)),
        entry('c', id.f32, f32(0.5)),
        entry('d', id.bool, u8(1)),
        entry('e', id.string, str('é')),
        entry('f', id.u64, u64(2n ** 64n - 1n)),
        entry('g', id.i64, u64(2n ** 64n - 1n)),
        entry('h', id.array, array(id.string, 2, str('x'), str(Buffer.of(0xff)))),
        entry('i', id.array, array(id.i32, 2, u32(1), u32(2 ** 32 - 1))),
      ],
      infos: [info('t', [3, 2], 0, 0), info('u', [5], 24, 32)],
      data: Buffer.concat([
        Buffer.alloc(24, 7),
        Buffer.alloc(8),
        Buffer.from('12345'),
        Buffer.alloc(27),
      ]),
    });
    expect((await readFile(path)).toString('hex')).toBe(expected.toString('hex'));
  });

  it('writes a file without tensors and without padding', async () => {
    await write({ version: 2 });
    expect(await readFile(path)).toEqual(rawFile({ version: 2 }));
  });

  it('aligns to general.alignment', async () => {
    await write({
      metadata: [['general.alignment', { type: 'u32', value: 256 }]],
      tensors: [
        { name: 't', dims: [1], type: 'F32', data: Buffer.alloc(4) },
        { name: 'u', dims: [1], type: 'F32', data: Buffer.alloc(4) },
      ],
    });
    const { tensors, size, alignment } = await readGguf(path);
    expect(alignment).toBe(256);
    expect(tensors.map(({ offset }) => offset)).toEqual([256, 512]);
    expect(size).toBe(768);
  });

  it('streams tensor data from chunks, also asynchronous ones', async () => {
    async function* later() {
      yield Buffer.from('abcd');
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield Buffer.from('efgh');
    }
    await write({
      tensors: [
        { name: 't', dims: [8], type: 'I8', data: { bytes: 8, chunks: later() } },
        {
          name: 'u',
          dims: [2],
          type: 'I8',
          data: { bytes: 2, chunks: [Buffer.from('x'), Buffer.from('y')] },
        },
      ],
    });
    const bytes = await readFile(path);
    const { tensors } = await readGguf(path);
    const data = tensors.map((t) => bytes.subarray(t.offset, t.offset + t.bytes).toString());
    expect(data).toEqual(['abcdefgh', 'xy']);
  });

  it('writes any type id with any data', async () => {
    await write({ tensors: [{ name: 't', dims: [3], type: 77, data: Buffer.alloc(32) }] });
    expect((await readGguf(path)).tensors[0]).toMatchObject({ type: 'type 77', bytes: 32 });
  });

  it('writes token bytes that are no UTF-8', async () => {
    const values = [Buffer.of(0xe2, 0x28), Buffer.of(0)];
    await write({ metadata: [['t', { type: 'array', elementType: 'string', values }]] });
    const tokens = (await readGguf(path)).metadata.get('t') as GgufStrings;
    expect(Buffer.from(tokens.bytes(0))).toEqual(values[0]);
  });

  it('writes lists that were read as they stood', async () => {
    const texts = [Buffer.of(0xe2, 0x28), Buffer.alloc(0), Buffer.from('ab')];
    const lists = [
      ['t', { type: 'array', elementType: 'string', values: texts }],
      ['n', { type: 'array', elementType: 'i32', values: [1, -2] }],
      ['e', { type: 'array', elementType: 'string', values: [] }],
    ] as const;
    await write({ metadata: lists });
    const bytes = await readFile(path);
    const { metadata } = await readGguf(path);
    const again = lists.map(([key, list]): [string, GgufTyped] => [
      key,
      { ...list, values: metadata.get(key) as GgufStrings },
    ]);
    await write({ metadata: again });
    expect(await readFile(path)).toEqual(bytes);
    expect([...(metadata.get('n') as GgufNumbers)]).toEqual([1, -2]);
  });
});

describe('writeGguf refuses', () => {
  const tensor = (change: object) => ({
    tensors: [{ name: 't', dims: [4], type: 'F32', data: Buffer.alloc(16), ...change }],
  });
  const value = (typed: GgufTyped) => ({ metadata: [['k', typed]] as const });
  it.each([
    [
      'data of the wrong size',
      tensor({ data: Buffer.alloc(15) }),
      'Expected the data of tensor "t" to be 16 bytes, but received 15 bytes for F32 [4].',
    ],
    [
      'a shape the type cannot hold',
      tensor({ type: 'Q8_0' }),
      'Expected the data of tensor "t" to be a shape Q8_0 can hold, but received 16 bytes for Q8_0 [4].',
    ],
    [
      'an unknown type name',
      tensor({ type: 'Q3_X' }),
      'Expected the type of tensor "t" to be the name of a tensor type, but received "Q3_X".',
    ],
    [
      'five dimensions',
      tensor({ dims: [1, 1, 1, 1, 4] }),
      'Expected the dims of tensor "t" to be at most 4 lengths that are not negative, but received [1, 1, 1, 1, 4].',
    ],
    [
      'a fraction as dimension',
      tensor({ dims: [0.5] }),
      'Expected the dims of tensor "t" to be at most 4 lengths that are not negative, but received [0.5].',
    ],
    [
      'a long name',
      tensor({ name: 'n'.repeat(64) }),
      `Expected the tensor name "${'n'.repeat(64)}" to be at most 63 bytes, but received a longer one.`,
    ],
    [
      'chunks that are too short',
      tensor({ data: { bytes: 16, chunks: [Buffer.alloc(15)] } }),
      'Expected the chunks of tensor "t" to be 16 bytes together, but received 15.',
    ],
    [
      'chunks that are too long',
      tensor({
        data: { bytes: 16, chunks: [Buffer.alloc(10), Buffer.alloc(10), Buffer.alloc(10)] },
      }),
      'Expected the chunks of tensor "t" to be 16 bytes together, but received at least 20.',
    ],
    [
      'the same name twice',
      { tensors: [...tensor({}).tensors, ...tensor({}).tensors] },
      'Expected the tensor names to be unique, but received "t" twice.',
    ],
    [
      'a number that does not fit',
      value({ type: 'u8', value: 256 }),
      'Expected the metadata value "k" to be a u8, but received 256 of type number.',
    ],
    [
      'a fraction for an integer',
      value({ type: 'i32', value: 0.5 }),
      'Expected the metadata value "k" to be a i32, but received 0.5 of type number.',
    ],
    [
      'a text for a number',
      value({ type: 'array', elementType: 'u32', values: ['1'] }),
      'Expected the metadata value "k" to be a u32, but received 1 of type string.',
    ],
    [
      'a number for a text',
      value({ type: 'array', elementType: 'string', values: [1] }),
      'Expected the metadata value "k" to be a string, but received 1 of type number.',
    ],
    [
      'an alignment that is no power of two',
      { metadata: [['general.alignment', { type: 'u32', value: 48 }]] as const },
      'Expected general.alignment to be a u32 power of two up to 16777216, but received u32 48.',
    ],
    [
      'an alignment of another type',
      { metadata: [['general.alignment', { type: 'u64', value: 32 }]] as const },
      'Expected general.alignment to be a u32 power of two up to 16777216, but received u64 32.',
    ],
  ] as [string, Partial<GgufContents>, string][])('%s', async (_, contents, message) => {
    await writeFile(path, 'was here before');
    await expect(write(contents)).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT', message });
    expect(await readFile(path, 'utf8')).toBe('was here before');
    expect((await readdir(dirname(path))).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('to hide what a chunk source throws', async () => {
    const chunks = (function* () {
      yield Buffer.alloc(1);
      throw new Error('out of paper');
    })();
    await expect(write(tensor({ data: { bytes: 16, chunks } }))).rejects.toThrow('out of paper');
    expect((await readdir(dirname(path))).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('a path in a folder that does not exist', async () => {
    const nowhere = temp('nowhere/model.gguf');
    await expect(writeGguf(nowhere, { metadata: [] })).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected to write the file "${nowhere}", but its folder does not exist; make the folder first.`,
    });
  });

  it('a path that is a folder, leaving nothing behind', async () => {
    await expect(writeGguf(dirname(path), { metadata: [] })).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
  });
});
