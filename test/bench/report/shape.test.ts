import { describe, expect, test } from 'vitest';
import { shapeOf, weightFormat } from '../../../bench/report/shape.js';
import { shapes } from '../../../bench/synth/shapes.js';
import type { ModelSpec } from '../../../lib/index.js';

describe('the shape of a model', () => {
  const spec = (numbers: object) =>
    ({ headDim: 128, tensors: [], ...numbers }) as unknown as ModelSpec;

  test('has the public name when every number agrees', () => {
    expect(shapeOf(spec(shapes['2b4t']))).toMatchObject({ name: '2b4t', nLayer: 30, headDim: 128 });
    expect(shapeOf(spec({ ...shapes['2b4t'], nLayer: 2 })).name).toBeNull();
  });

  test('its format is what most of the linear layers are stored in', () => {
    const tensor = (type: string, bytes: number, rows = 8, layer = 0) => ({
      type,
      bytes,
      rows,
      layer,
    });
    const tensors = [
      tensor('F16', 1000, 8, -1),
      tensor('F32', 900, 1),
      tensor('I2_S', 30),
      tensor('Q8_0', 50),
      tensor('I2_S', 40),
    ];
    expect(weightFormat(spec({ tensors }))).toBe('i2_s');
  });
});
