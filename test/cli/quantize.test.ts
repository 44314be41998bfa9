import { expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();
const [f16, f32] = [file('f16.gguf'), file('f32.gguf')];

test('bitnet quantize writes a model, and says what is in it', async () => {
  await tinyModel({ arch: 'llama', weightType: 'F16', ternaryValues: true }).write(f16);
  const path = file('i2s.gguf');
  const args = ['quantize', f16, path, '--type', 'i2_s', '--output-type', 'q8_0'];
  const text = await bitnet(args);
  expect(text).toMatchObject({ code: 0, stdout: '' });
  expect(text.stderr).toContain('tensors: 1 F16, 5 F32, 1 Q8_0, 14 I2_S\n');
  const json = await bitnet([...args, '--overwrite', '--keep', 'blk.0.*', '--json']);
  expect(json).toMatchObject({ code: 0, stderr: '' });
  const { tensors, ...rest } = JSON.parse(json.stdout);
  expect(rest).toMatchObject({ path, type: 'I2_S', bytes: expect.any(Number) });
  const kept = { name: 'blk.0.attn_q.weight', from: 'F16', to: 'F16' };
  expect(tensors).toContainEqual(kept);
});

test('bitnet quantize refuses to destroy weights, and warns when it must', async () => {
  await tinyModel({ arch: 'llama', weightType: 'F32' }).write(f32);
  const args = ['quantize', f32, file('forced.gguf'), '--type', 'tq2_0'];
  const refused = await bitnet(args);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('% away from such by absmean; choose a dense type');
  const forced = await bitnet([...args, '--force', '--allow-rounding']);
  expect(forced.code).toBe(0);
  expect(forced.stderr).toContain('warning: 14 tensors were not ternary and rounded by absmean');
});

test('bitnet split and bitnet merge give the model back', async () => {
  const split = await bitnet(['split', f16, file('part'), '--max-tensors', '11']);
  const first = file('part-00001-of-00002.gguf');
  expect(split).toMatchObject({ code: 0, stdout: '' });
  expect(split.stderr).toContain(`${first}\n`);
  const merged = await bitnet(['merge', first, file('merged.gguf'), '--json']);
  expect(JSON.parse(merged.stdout)).toMatchObject({ shards: 2, tensors: 21 });
});
