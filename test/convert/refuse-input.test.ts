import { linkSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { refusal } from '../safetensors/raw-file.js';
import { madeCheckpoint } from './made-checkpoint.js';

const temp = tempFolder();

it('A file of the checkpoint is never replaced, under whatever name', async () => {
  const folder = await madeCheckpoint(temp('inputs'));
  const weights = join(folder, 'model.safetensors');
  const links = [temp('link.gguf'), temp('hard.gguf')] as const;
  symlinkSync(weights, links[0]);
  linkSync(join(folder, 'tokenizer.json'), links[1]);
  const before = readFileSync(weights);
  for (const output of [weights, join(folder, 'config.json'), ...links]) {
    const error = await refusal(convertCheckpoint(folder, output, { overwrite: true }));
    expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT', option: 'output' });
    expect(error.message).toContain('of the checkpoint that is read; choose another name.');
  }
  expect(readFileSync(weights)).toEqual(before);
  const output = join(folder, 'model.gguf');
  await convertCheckpoint(folder, output);
  await convertCheckpoint(folder, output, { overwrite: true });
});
