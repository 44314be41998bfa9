// A trial's process: loads a model once, then runs tests as it is told. Started by trial-process.ts.
import type { BitnetErrorCode } from '../errors.js';
import { loadModel } from '../model/load.js';
import type { Model } from '../model/model.js';
import type { Session } from '../model/session.js';
import type { ModelSpec } from '../model/spec.js';
import type { KernelNames, MemoryUse, ShapeTiming } from '../native.js';
import { type ProcessMemory, processMemory } from './process-memory.js';
import { type BenchTest, runTest } from './tests.js';

/** One model as it is run. */
export interface Setting {
  readonly model: string | undefined;
  readonly threads: number;
  /** Empty for the best. */
  readonly kernel: string;
  readonly autotune: boolean;
  readonly screenHead: boolean;
  readonly skipZeros: boolean;
}

/** What the parent asks; each question gets one answer. */
export type Question =
  | { readonly ask: 'load'; readonly setting: Setting; readonly contextLength: number }
  | { readonly ask: 'run'; readonly test: BenchTest; readonly seed: number }
  | { readonly ask: 'memory' };

export type Answer =
  | { readonly loaded: Loaded }
  | { readonly milliseconds: number }
  | { readonly memory: ProcessMemory }
  | { readonly error: { readonly code: BitnetErrorCode | undefined; readonly message: string } };

export interface Loaded {
  readonly path: string;
  readonly spec: ModelSpec;
  readonly kernel: KernelNames;
  readonly tuning: readonly ShapeTiming[];
  readonly threads: number;
  readonly memory: MemoryUse;
  readonly loadMilliseconds: number;
}

let model: Model | undefined;
let session: Session | undefined;

process.on('message', async (question: Question) => {
  try {
    send(await answer(question));
  } catch (error) {
    const { code, message } = error as { code: BitnetErrorCode | undefined; message: string };
    send({ error: { code, message } });
  }
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C reaches all of the terminal's processes; the parent decides

async function answer(question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'load': {
      const { model: path, ...options } = question.setting;
      model = await loadModel(path, options);
      session = model.createSession({ contextLength: question.contextLength });
      const { spec, loadMilliseconds, memory, kernel, tuning, threads } = model;
      return {
        loaded: { path: model.path, spec, kernel, tuning, threads, memory, loadMilliseconds },
      };
    }
    case 'run':
      return { milliseconds: await runTest(model!, session!, question.test, question.seed) };
    case 'memory':
      return { memory: processMemory() };
  }
}

function send(message: Answer): void {
  process.send!(message);
}
