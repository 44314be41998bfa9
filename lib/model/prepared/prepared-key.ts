import { createHash } from 'node:crypto';
import type { FileStamp } from '../../gguf/file-stamp.js';
import { addonBuild, checksumFile, planLoad } from '../../native.js';
import type { LoadChoices } from '../../native-types.js';
import { packageVersion } from '../../package-root.js';
import { fileMarks, graphOf } from '../load/weights-key.js';
import type { ModelSpec } from '../spec/spec.js';

/** To be raised when kernels pack otherwise and a build might not tell. */
const formatVersion = 1;

/** Of so many tensors the first bytes are read, so that a file that was exchanged unnoticed is noticed all the same. */
const mostSamples = 64;
const sampleBytes = 4096;

/**
 * What packed weights are for: the files in their present state, the graph, how each tensor is
 * held, with which kernel, and the build that packed them.
 */
export async function preparedKey(
  spec: ModelSpec,
  stamps: readonly FileStamp[],
  choices: LoadChoices,
): Promise<string> {
  const held = planLoad(spec, choices).map(({ layout, kernel, bytes }) => [layout, kernel, bytes]);
  const question = JSON.stringify([
    ...[formatVersion, packageVersion(), addonBuild()],
    ...[await fileMarks(stamps), graphOf(spec), held, await samplesOf(spec, stamps)],
  ]);
  return createHash('sha256').update(question).digest('hex');
}

function samplesOf({ tensors }: ModelSpec, stamps: readonly FileStamp[]): Promise<string[]> {
  const step = Math.ceil(tensors.length / mostSamples);
  const sampled = tensors.filter((_, i) => i % step === 0);
  return Promise.all(
    stamps.map(async ({ path }, file) => {
      const parts = sampled
        .filter(({ shard = 0 }) => shard === file)
        .map(({ offset, bytes }) => ({ offset, bytes: Math.min(bytes, sampleBytes) }));
      return (await checksumFile(path, parts, new Int32Array(1))).toString(16);
    }),
  );
}
