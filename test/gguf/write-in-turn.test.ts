import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { type GgufTensorInTurn, writeGgufInTurn } from '../../lib/gguf/write-in-turn.js';
import { type GgufTyped, writeGguf } from '../../lib/gguf/writer.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();

const metadata = (types: readonly string[]): [string, GgufTyped][] => [
  ['general.file_type', { type: 'u32', value: types.length }],
];

const tensors = [
  { name: 'a', dims: [3], type: 'F32', data: Buffer.alloc(12, 1) },
  { name: 'b', dims: [5], type: 'F16', data: { bytes: 10, chunks: [Buffer.alloc(10, 2)] } },
];

const inTurn = tensors.map(({ name, dims, type, data }): GgufTensorInTurn => {
  return { name, dims, make: async () => ({ type, data }) };
});

it('writes what writeGguf writes when it knows all types before', async () => {
  await writeGgufInTurn(temp('turn.gguf'), { metadata, tensors: inTurn });
  await writeGguf(temp('whole.gguf'), { metadata: metadata(['F32', 'F16']), tensors });
  expect(readFileSync(temp('turn.gguf'))).toEqual(readFileSync(temp('whole.gguf')));
});

it('writes the whole header where the system takes a part of it at once, and reads all back', async () => {
  const handle = await open(temp('any'), 'w');
  const all = Object.getPrototypeOf(handle);
  const { write } = all;
  const part = vi.spyOn(all, 'write').mockImplementation(function (this: unknown, ...given) {
    const [bytes, at, length, position] = given as [Buffer, number, number, number];
    return write.call(this, bytes, at, Math.min(length, 7), position);
  });
  await handle.close();
  const read: [string, number][] = [];
  const verify = (tensor: string, bytes: number) => void read.push([tensor, bytes]);
  await writeGgufInTurn(temp('parts.gguf'), { metadata, tensors: inTurn }, { verify });
  part.mockRestore();
  await writeGguf(temp('at-once.gguf'), { metadata: metadata(['F32', 'F16']), tensors });
  expect(readFileSync(temp('parts.gguf'))).toEqual(readFileSync(temp('at-once.gguf')));
  expect(read).toEqual([
    ['a', 12],
    ['b', 10],
  ]);
});

it('leaves nothing behind when a tensor cannot be made', async () => {
  const make = () => Promise.reject(new Error('no such weights'));
  const path = temp('failed.gguf');
  const contents = { metadata, tensors: [inTurn[0]!, { name: 'b', dims: [5], make }] };
  await expect(writeGgufInTurn(path, contents)).rejects.toThrow('no such weights');
  expect(existsSync(path)).toBe(false);
});

it('refuses metadata whose length depends on types, and bytes that a type has not', async () => {
  const path = temp('refused.gguf');
  const names = (types: readonly string[]): [string, GgufTyped][] => [
    ['types', { type: 'string', value: types.join().repeat(9) }],
  ];
  const make = async () => ({ type: 'F16', data: Buffer.alloc(5) });
  for (const contents of [
    { metadata: names, tensors: inTurn },
    { metadata, tensors: [{ name: 'a', dims: [3], make }] },
  ]) {
    const refused = writeGgufInTurn(path, contents);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
  }
});
