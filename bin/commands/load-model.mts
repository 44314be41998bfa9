import { basename } from 'node:path';
import type { Model } from '../../lib/index.js';
import type { Terminal } from '../terminal.mjs';
import type { EngineOptions } from './run-options.mjs';

/** Loads a model as the options say, and shows how far it is. */
export async function loadWithSpinner(
  path: string | undefined,
  options: EngineOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Model> {
  const { loadModel } = await import('../../lib/index.js');
  const label = `Loading ${path === undefined ? 'the embedded model' : basename(path)}`;
  const spinner = terminal.spinner(label);
  try {
    return await loadModel(path, {
      ...{ threads: options.threads, kernel: options.kernel, activation: options.activation },
      ...{ preTokenizer: options.preTokenizer, contextLength: options.context },
      ...{ i2sLayout: options.i2sLayout, tlTable: options.tlTable },
      ...{ autotune: options.autotune, screenHead: options.screenHead },
      skipZeros: options.skipZeros,
      signal,
      onProgress: (fraction) => spinner.update(`${label} ${Math.floor(100 * fraction)} %`),
    });
  } finally {
    spinner.stop();
  }
}
