import type { LoadOptions } from '../lib/index.js';

export type Activation = NonNullable<LoadOptions['activation']>;

/** What --activation takes. */
export const activations: readonly Activation[] = ['relu2', 'silu', 'gelu_tanh'];
