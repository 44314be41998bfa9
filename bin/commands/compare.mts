import { Command } from 'commander';
import type { Comparison, LayerError, Model } from '../../lib/index.js';
import { interruptSignal } from '../interrupt.mjs';
import { loadWithSpinner } from '../load-model.mjs';
import { modelPath } from '../model-argument.mjs';
import { type EngineOptions, loadOptions } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { isPiped, readStdin, readTextFile } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { cutShort } from './measure.mjs';
import { addWindowOptions } from './window-options.mjs';

interface CompareCommandOptions extends EngineOptions {
  file?: string;
  context?: number;
  stride?: number;
  chunks?: number;
  parseSpecial?: boolean;
  kvType: 'f16' | 'q8_0';
  layers?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet compare model-f16.gguf model-q4_k_m.gguf -f wiki.test.raw
  bitnet compare model-f16.gguf model.gguf -f story.txt -c 256 --chunks 8`;

/** `bitnet compare`: how differently two models predict a text. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .description('Measure how differently two models predict a text.')
    .argument('<base>', 'GGUF file or pulled model to compare with')
    .argument('<other>', 'GGUF file or pulled model with the same vocabulary')
    .addHelpText('after', examples)
    .option('--layers', 'compare what each layer makes of the text as well');
  return addWindowOptions(command, "the models'").action(compare);
}

async function compare(
  base: string,
  other: string,
  options: CompareCommandOptions,
  command: Command,
): Promise<void> {
  const { file = '-' } = options;
  if (options.file === undefined && !isPiped()) refuseWithoutText(command);
  const terminal = new Terminal(options);
  const signal = interruptSignal();
  const whole = true;
  const text =
    file === '-'
      ? await readStdin(terminal, signal, { whole })
      : await readTextFile(file, { whole });
  if (text === undefined) return refuseWithoutText(command);
  const models: Model[] = [];
  try {
    for (const name of [base, other]) {
      const load = { ...loadOptions(options), signal };
      models.push(await loadWithSpinner(await modelPath(name), load, terminal));
    }
    await measure(models, text, options, { signal, terminal });
  } finally {
    for (const model of models) model.close();
  }
}

async function measure(
  models: readonly Model[],
  text: string,
  { context, stride, chunks, parseSpecial, kvType, layers, json }: CompareCommandOptions,
  { signal, terminal }: { readonly signal: AbortSignal; readonly terminal: Terminal },
): Promise<void> {
  const { compareModels } = await import('../../lib/evaluate/compare.js');
  const output = new Output();
  const progress = new Progress(terminal, 'Comparing');
  const begin = performance.now();
  const [base, other] = models as readonly [Model, Model];
  const trained = Math.min(base.spec.contextLength, other.spec.contextLength);
  let words = 'Comparing';
  try {
    const result = await compareModels(base, other, text, {
      contextLength: context === 0 ? trained : context,
      ...{ stride, chunks, parseSpecial, kvType, layers, signal },
      onProgress: (soFar) => {
        words = describe(soFar);
        progress.update(soFar.chunks / soFar.chunksInAll, words);
      },
      onFraction: (fraction) => progress.show(`${words}, ${Math.floor(100 * fraction)} %`),
    });
    progress.stop();
    const { kernel, threads } = base;
    if (json)
      await output.json({ ...result, models: models.map(({ path }) => path), kernel, threads });
    else await output.lines(lines(result));
    terminal.note(`${threads} threads, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  } catch (error) {
    progress.stop();
    return cutShort(error, { json, terminal }, (soFar: Comparison) =>
      output.lines([...lines(soFar), 'Cut              interrupted before the end']),
    );
  }
}

function refuseWithoutText(command: Command): never {
  return command.error('error: Expected a text: -f <file> or text on standard input.');
}

function describe({ chunks, chunksInAll, klDivergence, stride }: Comparison): string {
  const unit = stride === null ? 'chunk' : 'window';
  return `${unit} ${chunks} of ${chunksInAll}: KL divergence ${klDivergence.mean.toFixed(5)}`;
}

function lines(result: Comparison): string[] {
  const { perplexity, klDivergence: kl, logRatio, topAgreement, rmsProbability } = result;
  const [base, other] = perplexity;
  const { chunks, chunksInAll, stride, tokens, contextLength } = result;
  const unit = stride === null ? 'chunks' : 'windows';
  const percent = (share: number) => (100 * share).toFixed(3);
  const agreementError = topAgreement.error === null ? null : 100 * topAgreement.error;
  return [
    `Perplexity       ${base.perplexity.toFixed(4)}${plusMinus(base.error, 4)} (base)`,
    `                 ${other.perplexity.toFixed(4)}${plusMinus(other.error, 4)} (other)`,
    `ln(other/base)   ${logRatio.value.toFixed(6)}${plusMinus(logRatio.error, 6)}`,
    `KL divergence    mean ${kl.mean.toFixed(6)}${plusMinus(kl.error, 6)} nats`,
    `                 median ${kl.median.toFixed(6)}, 90 % ${kl.p90.toFixed(6)}, 99 % ${kl.p99.toFixed(6)}, 99.9 % ${kl.p999.toFixed(6)}, max ${kl.max.toFixed(6)}`,
    `Same top token   ${percent(topAgreement.value)} %${plusMinus(agreementError, 3)}`,
    `RMS change of p  ${percent(rmsProbability)} %`,
    `Logits           differ by at most ${result.largestLogitDifference.toPrecision(5)}`,
    ...(result.layers ?? []).map(layerLine),
    `Scored           ${tokens.toLocaleString('en-US')} tokens of ${chunks === chunksInAll ? '' : `${chunks} of `}${chunksInAll} ${unit} of ${contextLength.toLocaleString('en-US')} tokens`,
  ];
}

/** The first line has the title. */
function layerLine({ error, cosine }: LayerError, layer: number): string {
  const title = layer === 0 ? 'Layers' : '';
  const words = `${layer}: error ${(100 * error).toFixed(3)} %, cosine ${cosine.toFixed(6)}`;
  return `${title.padEnd(17)}${words}`;
}

function plusMinus(error: number | null, digits: number): string {
  return error === null ? '' : ` ± ${error.toFixed(digits)}`;
}
