import { basename } from 'node:path';
import { bytes } from '../lib/byte-size.js';
import type { Decision, LoadOptions, Model } from '../lib/index.js';
import type { Terminal } from './terminal.mjs';

/** Loads a model, with a spinner where that takes long. */
export async function loadWithSpinner(
  path: string | undefined,
  options: LoadOptions,
  terminal: Terminal,
): Promise<Model> {
  const { loadModel } = await import('../lib/model/load/load.js');
  const label = `Loading ${path === undefined ? 'the embedded model' : basename(path)}`;
  const spinner = terminal.spinner(label);
  const onProgress = (fraction: number) =>
    spinner.update(`${label} ${Math.floor(100 * fraction)} %`);
  try {
    const model = await loadModel(path, { ...options, onProgress });
    spinner.stop();
    warnOfDecisions(model.decisions, terminal);
    const { prepared } = model;
    if (prepared?.made) {
      const size = bytes(prepared.bytes);
      terminal.note(`Prepared: ${size} in ${prepared.path}; bitnet prepare --remove deletes it.`);
    }
    return model;
  } finally {
    spinner.stop();
  }
}

/**
 * Reads the model's file once more, in the background, so that a session can be saved even if that is moved or written to before.
 * @returns ends it
 */
export function prepareSaving(model: Model): () => void {
  const controller = new AbortController();
  model.identify(controller.signal).catch(() => {}); // a save tries again, and says what is wrong
  return () => controller.abort();
}

/**
 * Says on stderr what might change results; the other decisions are for `inspect`.
 * @param path of the file, where there may be several
 */
export function warnOfDecisions(
  decisions: readonly Decision[],
  terminal: Terminal,
  path?: string,
): void {
  const name = path === undefined ? '' : `${basename(path)}: `;
  for (const { subject, choice, reason, warning } of decisions) {
    if (warning) terminal.warn(`${name}${subject}: ${choice}, because ${reason}.`);
  }
}
