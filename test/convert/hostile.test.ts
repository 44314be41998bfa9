import { readFileSync } from 'node:fs';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type ConvertResult, convertCheckpoint } from '../../lib/convert/convert.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { refusal } from '../safetensors/raw-file.js';
import { describeShared, hasShared, sharedPath } from '../shared.js';

const temp = tempFolder();
const hostile = sharedPath('golden/hf/hostile');

/** A case of INDEX.json: files laid over those of `base`. */
interface Overlay {
  readonly case: string;
  readonly must: string;
  readonly files?: readonly string[];
  readonly delete?: readonly string[];
}

const overlays: readonly Overlay[] = hasShared
  ? JSON.parse(readFileSync(join(hostile, 'INDEX.json'), 'utf8')).cases
  : [];

/** Those of which a file is made: the sound ones, and where `must` leaves it open. */
const converted = ['base', 'ix-ok', 'w-bias-unexpected', 'w-ambiguous-rule'];

async function folderOf({ case: name, files = [], delete: gone = [] }: Overlay): Promise<string> {
  const folder = join(temp(name), 'model'); // a file is named after it
  await cp(join(hostile, 'base'), folder, { recursive: true });
  for (const file of gone) await rm(join(folder, file));
  for (const file of files) await cp(join(hostile, name, file), join(folder, file));
  return folder;
}

describeShared('A hostile checkpoint', () => {
  it.each(overlays.filter((overlay) => !converted.includes(overlay.case)))(
    '$case is refused in one sentence, and nothing is written',
    async (overlay) => {
      expect(overlay.must).toMatch(/refuse/);
      const folder = await folderOf(overlay);
      const before = await readdir(folder);
      const error = await refusal(convertCheckpoint(folder, join(folder, 'out.gguf')));
      expect(error.code).toMatch(/^ERR_BITNET_(SAFETENSORS|FILE|MODEL|TYPE|TOKENIZER)$/);
      expect(await readdir(folder)).toEqual(before);
    },
  );

  it('becomes a file where it is sound, the same one where it is in shards', async () => {
    const base = await readFile((await convertedTo('base')).path);
    expect(await readFile((await convertedTo('ix-ok')).path)).toEqual(base);
  });

  it('keeps a bias that config.json does not speak of', async () => {
    const { path } = await convertedTo('w-bias-unexpected');
    const names = (await readGguf(path)).tensors.map(({ name }) => name);
    expect(names).toContain('blk.0.attn_q.bias');
  });

  it('warns of a scale that is plausible by the other rule', async () => {
    const { decisions } = await convertedTo('w-ambiguous-rule');
    const [warning] = decisions.filter(({ warning }) => warning);
    expect(warning?.choice).toBe(
      'the weights of "model.layers.0.self_attn.q_proj.weight" are ±500.3; by the other rule they would be ±0.001999',
    );
  });

  it('is one of 116', () => {
    expect(overlays).toHaveLength(116);
  });
});

async function convertedTo(name: string): Promise<ConvertResult> {
  const folder = await folderOf(overlays.find((overlay) => overlay.case === name)!);
  return convertCheckpoint(folder, join(folder, 'out.gguf'));
}
