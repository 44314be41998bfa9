// A trial's process: loads a model once, then runs tests as it is told. Started by trial-process.ts.
import type { Decision } from '../../lib/decision.js';
import type { BitnetErrorCode } from '../../lib/errors.js';
import { type ProcessMemory, processMemory } from '../../lib/machine/process-memory.js';
import type { Model } from '../../lib/model/model.js';
import type { ModelSpec } from '../../lib/model/spec/spec.js';
import type { KernelNames, PlannedTensor, ShapeTiming } from '../../lib/native-types.js';
import { BenchSessions } from './bench-sessions.js';
import { loadBenchModel } from './models.js';
import type { Setting } from './setting.js';
import { type BenchTest, type Room, runTest, type TestTimes } from './tests.js';

/** What the parent asks; each question gets one answer. */
export type Question =
  | { readonly ask: 'load'; readonly setting: Setting; readonly room: Room }
  | {
      readonly ask: 'run';
      readonly test: BenchTest;
      readonly batch: number;
      readonly seed: number;
    }
  | {
      readonly ask: 'repeat';
      readonly test: BenchTest;
      readonly batch: number;
      /** As many runs as fill this time, at least one. */
      readonly milliseconds: number;
    }
  | { readonly ask: 'memory' };

export type Answer =
  | { readonly loaded: Loaded }
  | { readonly times: TestTimes }
  | { readonly runs: number }
  | { readonly memory: ProcessMemory }
  | { readonly error: { readonly code: BitnetErrorCode | undefined; readonly message: string } };

export interface Loaded {
  readonly path: string;
  readonly spec: ModelSpec;
  readonly decisions: readonly Decision[];
  readonly kernel: KernelNames;
  readonly tuning: readonly ShapeTiming[];
  readonly threads: number;
  readonly plan: readonly PlannedTensor[];
  readonly loadMilliseconds: number;
  /** Memory of the process before it loaded the model: Node and the library. */
  readonly before: ProcessMemory;
}

let model: Model | undefined;
let sessions: BenchSessions | undefined;

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
      const { contextLength, sequences } = question.room;
      const { setting } = question;
      const { model: source, extrapolateTo: _, adapters, coldAdapters, ...options } = setting;
      const before = processMemory();
      const kvMemory = Number.POSITIVE_INFINITY; // what fits was decided before
      const loaded = await loadBenchModel(source, { kvMemory, ...options });
      model = loaded;
      sessions = await BenchSessions.open(loaded, { contextLength, sequences }, setting);
      const { spec, decisions, loadMilliseconds, plan, kernel, tuning, threads } = loaded;
      return {
        loaded: {
          ...{ path: loaded.path, spec, decisions, kernel, tuning, threads, plan },
          ...{ loadMilliseconds, before },
        },
      };
    }
    case 'run':
      return {
        times: await run(question.test, question.batch, question.seed),
      };
    case 'repeat':
      return { runs: await repeat(question.test, question.batch, question.milliseconds) };
    case 'memory':
      return { memory: processMemory() };
  }
}

function run(test: BenchTest, batch: number, seed: number): Promise<TestTimes> {
  return runTest(model!, sessions!.of(test), test, batch, seed);
}

/** Without a word to the parent in between, which would take its own time and energy. */
async function repeat(test: BenchTest, batch: number, milliseconds: number): Promise<number> {
  const begin = performance.now();
  let runs = 0;
  do {
    await run(test, batch, ++runs);
  } while (performance.now() - begin < milliseconds);
  return runs;
}

function send(message: Answer): void {
  process.send!(message);
}
