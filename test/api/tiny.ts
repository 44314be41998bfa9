import { beforeAll } from 'vitest';
import type { Model } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';

/**
 * A tiny model, loaded before the tests of the calling file; call it at top level. Its sessions
 * have the context it was "trained" for, however long.
 */
export function loadedTinyModel(options: TinyOptions = {}): () => Model {
  const path = tempFolder()('tiny.gguf');
  const load = modelLoader();
  let model: Model;
  beforeAll(async () => {
    await tinyModel(options).write(path);
    const { contextLength } = options;
    model = await load(path, { contextLength });
  });
  return () => model;
}

/** Different ids, to make a prompt as long as wanted. */
export function manyTokens(count: number, vocabSize: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919) % vocabSize);
}

/** What a promise rejects with; resolving is an error. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was resolved');
}
