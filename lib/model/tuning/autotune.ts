// Which ternary kernel each matrix shape of a model uses: measured once per machine, then remembered.
import { cpus } from 'node:os';
import { onAbort } from '../../abort.js';
import { compiler, cpuInfo, planLoad, timeKernels } from '../../native.js';
import type { MatrixShape, PlannedTensor, ShapeTiming } from '../../native-types.js';
import { packageVersion } from '../../package-root.js';
import { memoryOf } from '../load/memory.js';
import type { ModelSpec } from '../spec/spec.js';
import { readTimings, writeTimings } from './autotune-cache.js';

/** After so long, for all shapes of a model together, every kernel is timed as few times as it can be. */
const milliseconds = 300;

/** Models whose packed matrices take fewer bytes than this are fast with any kernel. */
const smallest = 2 * 2 ** 20;

/** Only the first of the priority list: the others are for CPUs that have less. */
const mostCandidates = 5;

/** Whether a model is large enough for its speed to matter. */
export function worthMeasuring(spec: ModelSpec): boolean {
  return memoryOf(planLoad(spec, { kernel: '' })).ternary >= smallest;
}

/** What would be measured for a model, and the key of each shape in the cache. */
interface Question {
  readonly shapes: readonly (MatrixShape & { readonly key: string })[];
  readonly candidates: readonly string[];
}

/**
 * The kernel for every shape that is worth it: from the cache, the rest measured on native threads. The shapes are those of all
 * ternary matrices, whether a load packs them in tiles or not: so every load of a model asks the same. Shapes without a kernel, because
 * memory ran out or `signal` was raised, are left out.
 */
export async function tuneKernels(
  spec: ModelSpec,
  { threads, signal }: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<readonly ShapeTiming[]> {
  const { shapes, candidates } = question(spec, threads);
  if (shapes.length === 0) return [];
  const known = await readTimings(shapes, candidates);
  const missing = shapes.filter(({ key }) => !known.has(key));
  if (missing.length > 0) {
    const control = new Int32Array(1); // [abort]
    const release = onAbort(signal, () => Atomics.store(control, 0, 1));
    try {
      const measured = await timeKernels(missing, candidates, { threads, milliseconds, control });
      for (const timing of measured) known.set(keyOf(missing, timing), timing);
      if (measured.length > 0) await writeTimings(known);
    } finally {
      release();
    }
  }
  return inOrder(shapes, known);
}

/** What an earlier load has measured for the shapes of a model; nothing is measured. */
export async function rememberedKernels(
  spec: ModelSpec,
  threads: number,
): Promise<readonly ShapeTiming[]> {
  const { shapes, candidates } = question(spec, threads);
  return inOrder(shapes, await readTimings(shapes, candidates));
}

/** The timings that decided something in a plan: of shapes that are held in tiles. */
export function timingsIn(
  plan: readonly PlannedTensor[],
  timings: readonly ShapeTiming[],
): readonly ShapeTiming[] {
  const shapes = tiledShapes(plan);
  return timings.filter((timing) =>
    shapes.some(({ rows, cols }) => rows === timing.rows && cols === timing.cols),
  );
}

function question(spec: ModelSpec, threads: number): Question {
  const { isa, kernels, threads: usable } = cpuInfo();
  const candidates = kernels
    .filter((kernel) => kernel.usable && kernel.isa !== 'scalar')
    .map(({ name }) => name)
    .slice(0, mostCandidates);
  if (candidates.length < 2 || !worthMeasuring(spec)) return { shapes: [], candidates };
  const shapes = tiledShapes(planLoad(spec, { kernel: '', skipInactive: false }));
  const machine = [cpus()[0]?.model.trim(), isa, threads || usable, packageVersion(), compiler()];
  return {
    shapes: shapes.map(({ rows, cols }) => ({
      ...{ rows, cols },
      key: [...machine, `${rows}x${cols}`, candidates].join('; '),
    })),
    candidates,
  };
}

/** The different shapes of matrices in tiles. */
function tiledShapes(plan: readonly PlannedTensor[]): readonly MatrixShape[] {
  const tiled = plan.filter(({ layout }) => layout === 'tiles');
  return [...new Map(tiled.map((shape) => [`${shape.rows}x${shape.cols}`, shape])).values()];
}

function keyOf(shapes: Question['shapes'], { rows, cols }: MatrixShape): string {
  return shapes.find((shape) => shape.rows === rows && shape.cols === cols)!.key;
}

function inOrder(
  shapes: Question['shapes'],
  known: ReadonlyMap<string, ShapeTiming>,
): readonly ShapeTiming[] {
  return shapes.flatMap(({ key }) => known.get(key) ?? []);
}
