import type { Model } from '../../lib/index.js';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import type { Terminal } from '../terminal.mjs';

/** Something that is measured with a model, piece by piece. */
export interface Measurement<Result extends object> {
  readonly run: (
    onProgress: (soFar: Result) => void,
    /** How far it has come between two results, from 0 to 1. */
    onFraction: (fraction: number) => void,
  ) => Promise<Result>;
  /** How far it has come, from 0 to 1. */
  readonly part: (soFar: Result) => number;
  /** The same in words. */
  readonly describe: (soFar: Result) => string;
  readonly lines: (result: Result) => string[];
}

/** Measures and prints the result; after an error, such as Ctrl-C, what there is of it. Closes the model. */
export async function measureAndPrint<Result extends object>(
  model: Model,
  { run, part, describe, lines }: Measurement<Result>,
  { json, terminal }: { readonly json: boolean | undefined; readonly terminal: Terminal },
): Promise<void> {
  const output = new Output();
  const progress = new Progress(terminal, 'Evaluating');
  const begin = performance.now();
  let done = 0;
  let words = 'Evaluating';
  const onFraction = (fraction: number) => {
    done = Math.max(done, fraction);
    progress.show(`${words}, ${Math.floor(100 * done)} %`);
  };
  const onProgress = (soFar: Result) => {
    words = describe(soFar);
    progress.update(part(soFar), words);
    onFraction(part(soFar));
  };
  try {
    const result = await run(onProgress, onFraction);
    progress.stop();
    const { path, kernel, tuning, threads } = model;
    if (json) await output.json({ ...result, model: path, kernel, tuning, threads });
    else await output.lines(lines(result));
    terminal.note(`${threads} threads, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  } catch (error) {
    progress.stop();
    return cutShort(error, { json, terminal }, (soFar: Result) =>
      output.lines([...lines(soFar), 'Cut             interrupted before the end']),
    );
  } finally {
    model.close();
  }
}

/**
 * Prints what an interrupted measurement had found, marked as cut, and throws its error; with `--json` that carries it to where
 * errors are printed.
 */
export async function cutShort<Result extends object>(
  error: unknown,
  { json, terminal }: { readonly json: boolean | undefined; readonly terminal: Terminal },
  print: (soFar: Result) => Promise<void>,
): Promise<never> {
  const { result } = error as { result?: Result };
  if (result && json) Object.assign(error as Error, { result: { ...result, cut: true } });
  else if (result) await print(result);
  else if ((error as NodeJS.ErrnoException).code === 'ERR_BITNET_ABORTED') {
    terminal.note('Interrupted before anything was measured.');
  }
  throw error;
}
