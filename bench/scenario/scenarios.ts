import { abortError } from '../../lib/abort.js';
import { argumentError, checkOptionNames } from '../../lib/checks/options.js';
import { describeBuild, describeMachine } from '../../lib/machine/description.js';
import type { LoadOptions } from '../../lib/model/load/load-options.js';
import { type Spread, spread } from '../report/spread.js';
import { loadBenchModel } from '../trial/models.js';
import type { BenchModel } from '../trial/setting.js';
import { type ScenarioName, scenarioNames } from './names.js';
import { promptBesideStream } from './prompt-beside-stream.js';
import type { Pair, Scenario, ScenarioSettings } from './scenario.js';
import { sharedPrefix } from './shared-prefix.js';

const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'prompt-beside-stream': promptBesideStream,
  'shared-prefix': sharedPrefix,
};

export interface ScenarioOptions
  extends Partial<ScenarioSettings>,
    Pick<LoadOptions, 'threads' | 'kernel' | 'stepTarget' | 'signal'> {
  readonly scenario: ScenarioName;
  readonly model?: BenchModel;
  /** @default 5 */
  readonly repetitions?: number;
  /** For the report. */
  readonly command?: string;
  readonly onProgress?: (step: string) => void;
}

/** A quantity of a scenario, in milliseconds, over all rounds. */
export interface ScenarioFigure {
  readonly name: string;
  readonly alone: Spread;
  readonly beside: Spread;
  /** Of each round: beside over alone. */
  readonly ratio: Spread;
}

export interface ScenarioReport {
  readonly date: string;
  readonly machine: ReturnType<typeof describeMachine>;
  readonly build: ReturnType<typeof describeBuild>;
  readonly command: string | null;
  readonly scenario: ScenarioName;
  readonly description: string;
  readonly model: string;
  readonly threads: number;
  readonly repetitions: number;
  readonly figures: readonly ScenarioFigure[];
}

const optionNames = [
  ...['scenario', 'model', 'repetitions', 'prompt', 'threads', 'kernel', 'stepTarget'],
  ...['command', 'signal', 'onProgress'],
];

/**
 * Measures a scenario in this process: a round unmeasured, then as many as asked for. A round measures both sides of every ratio, so
 * that a change of the machine's mood hits them alike.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED, and what `loadModel` throws
 */
export async function benchScenario(options: ScenarioOptions): Promise<ScenarioReport> {
  checkOptionNames(options, optionNames);
  const { repetitions = 5, prompt, threads, kernel, stepTarget, signal, onProgress } = options;
  if (!scenarioNames.includes(options.scenario)) {
    throw argumentError(`one of ${scenarioNames.join(', ')}`, 'option scenario', options.scenario);
  }
  const scenario = scenarios[options.scenario];
  const settings = { prompt };
  const date = new Date().toISOString();
  onProgress?.('loading');
  const model = await loadBenchModel(options.model, { threads, kernel, stepTarget, signal });
  try {
    const rounds: (readonly Pair[])[] = [];
    for (let round = 0; round <= repetitions; round++) {
      if (signal?.aborted) throw abortError('The benchmark was aborted.', signal.reason);
      onProgress?.(round === 0 ? 'warm-up' : `round ${round} of ${repetitions}`);
      const pairs = await scenario.run(model, settings, round);
      if (round > 0) rounds.push(pairs);
    }
    return {
      ...{ date, machine: describeMachine(), build: describeBuild() },
      ...{ command: options.command ?? null, scenario: options.scenario },
      description: scenario.description(settings),
      ...{ model: model.path, threads: model.threads, repetitions },
      figures: scenario.figures.map((name, i) =>
        figure(
          name,
          rounds.map((pairs) => pairs[i]!),
        ),
      ),
    };
  } finally {
    model.close();
  }
}

function figure(name: string, pairs: readonly Pair[]): ScenarioFigure {
  return {
    name,
    alone: spread(pairs.map(({ alone }) => alone)),
    beside: spread(pairs.map(({ beside }) => beside)),
    ratio: spread(pairs.map(({ alone, beside }) => beside / alone)),
  };
}
