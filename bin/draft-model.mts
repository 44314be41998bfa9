import type { LoadOptions, Model } from '../lib/index.js';
import { loadWithSpinner } from './load-model.mjs';
import { modelPath } from './model-argument.mjs';
import type { Terminal } from './terminal.mjs';

/** The model of `--draft`, loaded with the threads of the other; undefined without the option. */
export async function loadDraft(
  draft: string | undefined,
  { threads, signal }: Pick<LoadOptions, 'threads' | 'signal'>,
  terminal: Terminal,
): Promise<Model | undefined> {
  if (draft === undefined) return undefined;
  return loadWithSpinner(await modelPath(draft), { threads, signal }, terminal);
}
