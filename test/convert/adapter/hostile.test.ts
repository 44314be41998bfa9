import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { convertAdapter } from '../../../lib/convert/adapter/convert-adapter.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { refusal } from '../../safetensors/raw-file.js';
import { describeShared, hasShared, sharedPath } from '../../shared.js';

const temp = tempFolder();
const bad = sharedPath('golden/lora/bad');
const base = sharedPath('golden/mix/mix-llama-i2s.gguf');
const cases = hasShared ? readdirSync(bad).filter((name) => name.startsWith('peft-')) : [];
const control = 'peft-ok-control';

/** A new folder to write into. */
function outputFor(name: string): { readonly folder: string; readonly path: string } {
  const folder = temp(name);
  mkdirSync(folder);
  return { folder, path: join(folder, 'adapter.gguf') };
}

describeShared('A hostile adapter', () => {
  it.each(cases.filter((name) => name !== control))(
    '%s is refused in one sentence, and nothing is written',
    async (name) => {
      const { folder, path } = outputFor(name);
      const error = await refusal(convertAdapter(join(bad, name), path, { base }));
      expect(error.code).toMatch(/^ERR_BITNET_(SAFETENSORS|FILE|MODEL|TYPE)$/);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('is no longer one once it is sound', async () => {
    const { path } = outputFor(control);
    const { types } = await convertAdapter(join(bad, control), path, { base });
    expect(types).toEqual({ F16: 2 });
  });

  it('needs its base', async () => {
    const { path } = outputFor('no-base');
    const { message } = await refusal(convertAdapter(join(bad, control), path));
    expect(message).toBe(
      'Expected the model that the adapter was made for, but "tiny-base" is not here; name its GGUF file, or a folder with its config.json (--base, option base).',
    );
  });
});
