import { InvalidArgumentError } from 'commander';
import type { ReplayResult } from '../../bench/replay/replay.js';
import type { BenchModel } from '../../bench/trial/setting.js';
import type { LoadOptions } from '../../lib/index.js';
import { modelPath } from '../model-argument.mjs';
import { Output } from '../output.mjs';
import { readTextFile } from '../prompt.mjs';
import type { Terminal } from '../terminal.mjs';

interface Replayed {
  /** A file of recorded texts, or `repeat:0.7`. */
  readonly trace: string;
  readonly model: BenchModel;
  readonly draft: string | undefined;
  readonly repetitions: number;
  readonly load: LoadOptions;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** `bitnet bench --replay`: recorded texts, without drafts and with them. */
export async function benchReplay(replayed: Replayed, terminal: Terminal): Promise<void> {
  const { trace, draft, repetitions, load, json, signal } = replayed;
  const { loadBenchModel } = await import('../../bench/trial/models.js');
  const { replay } = await import('../../bench/replay/replay.js');
  const { spread } = await import('../../bench/report/spread.js');
  const { parseTraces, repeatingTrace } = await import('../../bench/replay/trace.js');
  const share = repeatShare(trace);
  const text = share === undefined ? await readTextFile(trace) : '';
  const spinner = terminal.spinner('Measuring');
  const results: ReplayResult[] = [];
  const models = [await loadBenchModel(replayed.model, { ...load, signal })];
  try {
    if (draft !== undefined) models.push(await loadBenchModel(await modelPath(draft), load));
    const [model, drafts] = models;
    const traces =
      share === undefined ? parseTraces(text, trace, model!) : [repeatingTrace(share, model!)];
    for (const one of traces) {
      spinner.update(`Measuring ${one.name}`);
      results.push(await replay(model!, one, { repetitions, draft: drafts, signal }));
    }
  } finally {
    spinner.stop();
    for (const model of models) model.close();
  }
  const output = new Output();
  if (json) return output.json({ replay: results });
  const middle = (speeds: readonly number[]) => `${spread(speeds).median.toFixed(1)} tokens/s`;
  await output.lines(
    results.flatMap((result) => [
      `${result.name}: ${result.tokens} tokens after ${result.promptTokens}`,
      `  without drafts  ${middle(result.plain)}`,
      `  with drafts     ${middle(result.drafted)}, ${result.ratio.toFixed(2)} times; ${result.acceptedTokens} of ${result.draftedTokens} drafted tokens came`,
    ]),
  );
}

/** The share of `repeat:<share>`; undefined for a file. */
function repeatShare(trace: string): number | undefined {
  const [, text] = /^repeat:(.*)$/.exec(trace) ?? [];
  if (text === undefined) return undefined;
  const share = Number(text);
  if (text !== '' && share >= 0 && share <= 1) return share;
  throw new InvalidArgumentError(
    'Expected a share from 0 to 1 behind repeat:, such as repeat:0.7.',
  );
}
