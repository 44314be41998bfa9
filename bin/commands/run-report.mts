import { bytes } from '../../lib/byte-size.js';
import { count } from '../../lib/count.js';
import type { GenerationResult, Model } from '../../lib/index.js';
import type { Terminal } from '../terminal.mjs';
import type { GenerationOptions } from './run-options.mjs';
import { skippingText, tuningText } from './tuning-text.mjs';

/** One line about a finished or interrupted generation. */
export function summaryLine(
  model: Model,
  {
    usage,
    timings,
    stopReason,
  }: Partial<GenerationResult> & Pick<GenerationResult, 'usage' | 'timings'>,
  kept?: number,
): string {
  const read =
    kept === undefined
      ? tokens(usage.promptTokens)
      : `${count(usage.promptTokens, 'new token')}, ${kept} kept`;
  const prompt = `prompt ${read}${rate(timings.promptTokensPerSecond)}`;
  const text = `text ${tokens(usage.completionTokens)}${rate(timings.tokensPerSecond)}`;
  const engine = `${model.kernel.ternary}, ${count(model.threads, 'thread')}`;
  const endings: Partial<Record<string, string>> = {
    context: 'the context is full',
    length: 'cut off by -n',
    undefined: 'interrupted',
  };
  return [prompt, text, engine, endings[String(stopReason)]].filter(Boolean).join('; ');
}

/** With `--verbose`: what was loaded, how it runs, and which rules were applied to the file. */
export function describeModel(model: Model, options: GenerationOptions, terminal: Terminal): void {
  const { spec, kernel } = model;
  terminal.detail('model', `${model.path}, loaded in ${model.loadMilliseconds.toFixed(0)} ms`);
  terminal.detail('graph', `${spec.architecture}, ${spec.nLayer} layers, dim ${spec.dim}`);
  const memory = Object.entries(model.memory).map(([part, size]) => `${part} ${bytes(size)}`);
  terminal.detail('memory', memory.join(', '));
  terminal.detail('kernels', [kernel.ternary, kernel.dense, kernel.vector].join(', '));
  for (const shape of model.tuning) terminal.detail('tuned', tuningText(shape));
  if (model.skipsInactive.includes(true))
    terminal.detail('skipping', skippingText(model.skipsInactive));
  const parts = [spec, model.tokenizer, model.chatTemplate];
  for (const { subject, choice, reason } of parts.flatMap((part) => part?.decisions ?? [])) {
    terminal.detail('decision', `${subject}: ${choice}, because ${reason}`);
  }
  if (options.context !== undefined && options.context > spec.contextLength) {
    terminal.warn(
      `The model was trained for a context of ${spec.contextLength}; its text gets worse past that.`,
    );
  }
}

/** With `--verbose`: what another run needs to give the same text. */
export function describeSettings(
  options: GenerationOptions,
  seed: number,
  terminal: Terminal,
): void {
  const { temp, topK, topP, minP } = options;
  const limits = `top-k ${topK}, top-p ${topP}, min-p ${minP}`;
  terminal.detail('sampling', `temperature ${temp}, ${limits}, seed ${seed}`);
}

/** With `--verbose`: how often the prefilter of a large head did its work, and how well. */
export function describeHead({ headCounts }: Model, terminal: Terminal): void {
  const { prefiltered, candidates, full } = headCounts;
  if (prefiltered === 0) return;
  const rows = (candidates / prefiltered).toFixed(0);
  terminal.detail(
    'head',
    `${prefiltered} of ${tokens(prefiltered + full)} prefiltered, ${rows} rows each`,
  );
}

/** Nothing where nothing could be timed: a text of one token, a prompt that was interrupted. */
function rate(perSecond: number): string {
  return perSecond > 0 ? `, ${perSecond.toFixed(perSecond < 100 ? 1 : 0)} tokens/s` : '';
}

function tokens(n: number): string {
  return count(n, 'token');
}

/** Whether an error is that of an interrupted generation, which carries usage and timings. */
export function isPartial(error: unknown): error is Parameters<typeof summaryLine>[1] {
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === 'ERR_BITNET_ABORTED' && 'usage' in (error as object) && 'timings' in (error as object)
  );
}
