import { expect, test } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { madeCheckpoint } from '../convert/made-checkpoint.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { describeShared, sharedPath } from '../shared.js';
import { bitnet } from './bitnet.js';

const temp = tempFolder();

test('bitnet convert makes a model that runs, and says how on stderr', async () => {
  const folder = await madeCheckpoint(temp('made'));
  const path = temp('made.gguf');
  const { code, stdout, stderr } = await bitnet(['convert', folder, '-o', path]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(
    /^weights: as they are \(config\.json says nothing of a quantization\)\n(?:.*\n)*.*made\.gguf: llama, 1 F16 \+ 3 F32 \+ 7 TQ1_0, \d+\.\d KiB\n$/m,
  );
  const run = await bitnet(['run', path, '-p', 'ab', '-n', '2', '--json']);
  expect(JSON.parse(run.stdout)).toMatchObject({ usage: { completionTokens: 2 } });
});

test('bitnet convert --json prints what it made, or the error', async () => {
  const folder = await madeCheckpoint(temp('json'));
  const args = ['convert', folder, '-o', temp('json.gguf'), '--type', 'f16', '--json'];
  const made = await bitnet(args);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(made.stdout)).toMatchObject({
    architecture: 'llama',
    types: { F16: 8, F32: 3 },
  });
  const again = await bitnet(args);
  expect(again).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(again.stdout).error.code).toBe('ERR_BITNET_FILE');
});

test('bitnet convert --to safetensors makes a checkpoint of a model', async () => {
  const made = await madeCheckpoint(temp('there'));
  const [path, folder] = [temp('there.gguf'), temp('back')];
  await convertCheckpoint(made, path);
  const args = ['convert', path, '--to', 'safetensors', '-o', folder];
  const { code, stdout, stderr } = await bitnet(args);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(
    /^the tokenizer is not written: .*\n.*back: llama, 11 BF16, \d+\.\d KiB\n$/m,
  );
  const wrong = await bitnet([...args, '--type', 'f16']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(
    /^error: option '--type' cannot be used with --to safetensors, which is exact\n/,
  );
});

describeShared('bitnet convert of an adapter', () => {
  test('makes a GGUF adapter with the architecture of its base', async () => {
    const adapter = sharedPath('golden/lora/bad/peft-ok-control');
    const base = sharedPath('golden/mix/mix-llama-i2s.gguf');
    const path = temp('adapter.gguf');
    const { code, stderr } = await bitnet(['convert', adapter, '-o', path, '--base', base]);
    expect(stderr).toMatch(/^.*adapter\.gguf: LoRA for llama, alpha 4, 2 F16, \d+\.\d KiB\n$/);
    expect(code).toBe(0);
  });
});
