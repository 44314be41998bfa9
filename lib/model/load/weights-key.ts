import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type { FileStamp } from '../../gguf/file-stamp.js';
import type { LoadChoices } from '../../native-types.js';
import type { ModelSpec } from '../spec/spec.js';

/**
 * A key that two loads share only if they would hold the same weights in the same way: of the same
 * files in the same state, for the same graph, with the same kernels.
 *
 * @param counted whether a count of zeros decides which layers skip them: it is the same for every load of a file
 */
export async function weightsKey(
  spec: ModelSpec,
  stamps: readonly FileStamp[],
  { kernel, byShape = [], skipInactive, prefilterFrom = 0 }: LoadChoices,
  counted: boolean,
): Promise<string> {
  const kernels = byShape.map(({ rows, cols, kernel }) => [rows, cols, kernel]);
  const question = JSON.stringify([
    ...[await fileMarks(stamps), graphOf(spec), kernel, kernels],
    ...[counted ? 'counted' : skipInactive, String(prefilterFrom)],
  ]);
  return createHash('sha256').update(question).digest('hex');
}

/** Which files, in which state. */
export function fileMarks(stamps: readonly FileStamp[]): Promise<readonly unknown[]> {
  return Promise.all(
    stamps.map(async ({ path, size, mtimeNs, ino }) => {
      const real = await realpath(path).catch(() => path);
      return [real, size, `${mtimeNs}`, `${ino}`];
    }),
  );
}

/** What of a spec decides about weights. */
export function graphOf(spec: ModelSpec): object {
  const { name, contextLength, decisions, unused, shards, ...graph } = spec;
  return graph;
}
