import { expect, it } from 'vitest';
import type { MakeOptions } from '../../../lib/convert/make/make-options.js';
import { makeStack } from '../../../lib/convert/make/make-stack.js';
import type { PlannedTensor } from '../../../lib/convert/tensors/checkpoint.js';
import { refusal } from '../../safetensors/raw-file.js';

it('A stack of matrices cannot be I2_S, which has one scale', async () => {
  const part = { source: { name: 'experts.0' } } as PlannedTensor;
  const options = { path: 'folder', type: 'I2_S' } as MakeOptions;
  const error = await refusal(makeStack(part, [part, part], options));
  expect(error.code).toBe('ERR_BITNET_TYPE');
  expect(error.message).toContain('to be one matrix, as I2_S has one scale, but found 2 that');
});
