import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
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
