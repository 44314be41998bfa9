import { afterAll } from 'vitest';
import {
  type LoadOptions,
  loadModel,
  type Model,
  type Session,
  type SessionOptions,
} from '../../lib/index.js';

/** `loadModel`, with models that are closed after the tests of the calling file; call it at top level. */
export function modelLoader(): (path?: string, options?: LoadOptions) => Promise<Model> {
  const models: Model[] = [];
  afterAll(() => {
    for (const model of models) model.close();
  });
  return async (path, options) => {
    const model = await loadModel(path, options);
    models.push(model);
    return model;
  };
}

/** All logits [ids × vocabSize] of a fresh sequence, evaluated in chunks of the given size. */
export async function allLogits(
  model: Model,
  ids: readonly number[],
  chunk = ids.length,
  options: SessionOptions = {},
): Promise<Float32Array> {
  const session = model.createSession({ contextLength: ids.length, ...options });
  try {
    return await chunkedLogits(session, ids, chunk);
  } finally {
    session.close();
  }
}

export async function chunkedLogits(
  session: Session,
  ids: readonly number[],
  chunk: number,
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let i = 0; i < ids.length; i += chunk) {
    parts.push(await session.evaluate(ids.slice(i, i + chunk), { logits: 'all' }));
  }
  const logits = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    logits.set(part, at);
    at += part.length;
  }
  return logits;
}
