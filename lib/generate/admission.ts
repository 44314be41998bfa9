import { onAbort } from '../abort.js';
import type { AdmittedGeneration, Evaluator } from './evaluator.js';
import type { GenerateSettings } from './options.js';
import type { Progress } from './progress.js';

/**
 * Waits for a generation's turn to begin, where there are such: `promptTokens` are evaluated, then up to
 * `maxTokens` generated. While it waits, the signal ends it, and so does leaving the generation.
 */
export async function admission(
  evaluator: Evaluator,
  { maxTokens, caller, priority, signal }: GenerateSettings,
  progress: Progress,
  promptTokens: number,
): Promise<AdmittedGeneration | undefined> {
  if (!evaluator.admit) return undefined;
  const leaving = new AbortController();
  const release = onAbort(signal, () => leaving.abort(signal?.reason));
  progress.leaveQueue = () => leaving.abort();
  if (progress.left) leaving.abort(); // before it came here
  try {
    const room = evaluator.contextLength - evaluator.position;
    const tokens = Math.min(promptTokens + maxTokens, room);
    const admitted = await evaluator.admit({ tokens, caller, priority, signal: leaving.signal });
    progress.onFirstToken = () => admitted.firstToken();
    return admitted;
  } finally {
    release();
    progress.leaveQueue = undefined;
  }
}
