import { describe, expect, it } from 'vitest';
import type { ConvertOptions } from '../../lib/convert/convert.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { refusal } from '../safetensors/raw-file.js';
import { convertedMade, trits } from './made-checkpoint.js';

const temp = tempFolder();

const made = (name: string, scale: number, options: ConvertOptions) =>
  convertedMade(temp(name), { weight: trits(1, () => scale), dtype: 'F32' }, options);

describe('allowRounding', () => {
  it.each([
    ['infinite', 2 ** 17],
    ['0', 2 ** -30],
    ['a fraction larger', 2 ** -24 * 1.4],
  ])('does not make a scale %s', async (name, scale) => {
    const error = await refusal(made(`to ${name}`, scale, { type: 'tq2_0', allowRounding: true }));
    expect(error.code).toBe('ERR_BITNET_TYPE');
    expect(error.message).toContain('to be of scales that TQ2_0 can hold, as 16-bit floats, but');
  });

  it('is said to have rounded', async () => {
    const options = { type: 'q2_0', allowRounding: true } as const;
    const { decisions } = await made('told', 0.0625 + 2 ** -20, options);
    expect(decisions.map(({ choice }) => choice)).toContain('those of 7 tensors rounded');
    const exact = await made('exact', 0.0625, options);
    expect(exact.decisions).toHaveLength(1);
  });

  it.each(['auto', 'i2_s', 'bf16'] as const)('is refused with %s', async (type) => {
    const error = await refusal(made(type, 0.0625, { type, allowRounding: true }));
    expect(error.message).toContain('no allowRounding (--allow-rounding) but with tq1_0, tq2_0');
  });
});

it('f16 is refused for a matrix that would be all zeros', async () => {
  const error = await refusal(made('vanished', 2 ** -30, { type: 'f16' }));
  expect(error.message).toContain('numbers that F16 can hold, but found so small ones that all');
});

it('a matrix with numbers that are none is damaged, of whatever type', async () => {
  const weight = (i: number) => (i === 5 ? Number.NaN : (i % 7) / 16);
  for (const type of ['auto', 'i2_s'] as const) {
    const error = await refusal(
      convertedMade(temp(`nan-${type}`), { weight, dtype: 'F32' }, { type }),
    );
    expect(error.message).toMatch(/finite numbers, but found NaN; the checkpoint is damaged/);
  }
});
