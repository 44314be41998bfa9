import { readFileSync } from 'node:fs';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../../lib/convert/convert.js';
import { exportCheckpoint } from '../../../lib/convert/export/export-checkpoint.js';
import { readGguf } from '../../../lib/gguf/reader.js';
import { openCheckpoint } from '../../../lib/safetensors/checkpoint.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import {
  checkNumbers,
  checkTrits,
  expectedOf,
  folderOf,
  folders,
  tensorOf,
} from '../golden-checkpoints.js';

const temp = tempFolder();
let round = 0;

/** A checkpoint as a GGUF file, as a checkpoint again, and that as a file. */
async function thereAndBack(name: string) {
  round++;
  const [gguf, folder, again] = [
    temp(`${round}.gguf`),
    temp(`${round}`),
    temp(`${round}-again.gguf`),
  ];
  await convertCheckpoint(folderOf(name), gguf);
  const exported = await exportCheckpoint(gguf, folder, { maxShardBytes: 100_000 });
  for (const file of await readdir(folderOf(name))) {
    if (/token|\.jinja|generation/.test(file))
      await copyFile(join(folderOf(name), file), join(folder, file));
  }
  await convertCheckpoint(folder, again);
  return { gguf, folder, again, exported };
}

describe('A GGUF file written as a checkpoint', () => {
  it.each(folders)(
    '%s becomes a file with the same trits, scales, numbers and settings',
    async (name) => {
      const { gguf, folder, again } = await thereAndBack(name);
      const [first, second] = [await readGguf(gguf), await readGguf(again)];
      for (const [tensorName, tensor] of Object.entries(expectedOf(name).tensors)) {
        const found = tensorOf(second, tensorName);
        if (tensor.trits_sha256 === undefined) checkNumbers(found, tensor);
        else checkTrits(found, tensor);
      }
      expect(second.tensors.map((tensor) => tensor.name)).toEqual(
        first.tensors.map((tensor) => tensor.name),
      );
      const text = ({ metadata }: typeof first) => {
        const stated = [...metadata].filter(
          ([key]) => !/^(tokenizer\.|general\.(name|file_type))/.test(key),
        );
        return JSON.stringify(stated.sort());
      };
      expect(text(second)).toBe(text(first));
      // Names and shapes are those of the checkpoint, whatever its types were.
      const [made, original] = [await openCheckpoint(folder), await openCheckpoint(folderOf(name))];
      for (const [tensorName, { shape }] of made) {
        const other = original.get(tensorName)!;
        if (other.dtype === 'U8') expect([shape[0]! / 4, shape[1]]).toEqual(other.shape);
        else expect(shape).toEqual(other.shape);
      }
    },
  );

  it('has dense numbers bit for bit, and a bfloat16 model stays one', async () => {
    const { folder, exported } = await thereAndBack('qwen2-plain');
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    expect(config.torch_dtype).toBe('bfloat16');
    expect(Object.keys(exported.types)).toEqual(['BF16']);
    const [made, original] = [
      await openCheckpoint(folder),
      await openCheckpoint(folderOf('qwen2-plain')),
    ];
    for (const [name, tensor] of made) {
      expect(bytesOf(tensor).equals(bytesOf(original.get(name)!)), name).toBe(true);
    }
  });
});

function bytesOf({
  file,
  begin,
  end,
}: {
  file: { path: string };
  begin: number;
  end: number;
}): Buffer {
  return readFileSync(file.path).subarray(begin, end);
}
