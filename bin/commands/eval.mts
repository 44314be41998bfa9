import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { itemsInFile, labelsName } from '../../lib/evaluate/items-in-file.js';
import type { EvalItem, EvalResult, Share } from '../../lib/index.js';
import { integer } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { loadWithSpinner } from '../load-model.mjs';
import { theModel } from '../model-argument.mjs';
import {
  addEngineOptions,
  contextLength,
  contextOption,
  type EngineOptions,
  kvTypeOption,
  loadOptions,
  modelOption,
} from '../model-options.mjs';
import { fileName, isPiped, readBytesOf, readStdin, readTextFile } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { measureAndPrint } from './measure.mjs';

interface EvalCommandOptions extends EngineOptions {
  file?: string;
  entry?: string;
  blank?: boolean;
  limit?: number;
  context?: number;
  kvType: 'f16' | 'q8_0';
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

/** Public benchmarks have some ten thousand items in about as many kilobytes. */
const maxFileBytes = 64 * 1024 * 1024;

const examples = `
Examples:
  bitnet eval model.gguf -f arc_easy.jsonl
  bitnet eval model.gguf -f winogrande_1.1.zip --entry dev.jsonl
  bitnet eval model.gguf -f lambada.jsonl --limit 200`;

/** `bitnet eval`: how often a model finds the right answer. */
export function evalCommand(): Command {
  const command = new Command('eval')
    .description("Measure a model's accuracy on a test set.")
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addHelpText('after', examples)
    .addOption(modelOption())
    .option('-f, --file <file>', 'JSON Lines or a zip of such; default or -: stdin')
    .option('--entry <text>', 'files of the zip with this in their names')
    .option('--blank', 'choices replace the _ in the question')
    .option('--limit <count>', 'evaluate only the first items', integer(1, Number.MAX_SAFE_INTEGER))
    .addOption(contextOption('as in run'))
    .addOption(kvTypeOption());
  return addEngineOptions(command)
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only the result and errors')
    .option('--no-color', 'no color')
    .action(evaluate);
}

async function evaluate(
  argument: string | undefined,
  options: EvalCommandOptions,
  command: Command,
): Promise<void> {
  const { evalItems } = await import('../../lib/evaluate/eval.js');
  const { parseEvalItems } = await import('../../lib/evaluate/items.js');
  const { file = '-' } = options;
  if (options.file === undefined && !isPiped()) {
    refuseWithoutItems(command);
  }
  if (options.entry !== undefined && file === '-') {
    command.error('error: Expected -f <file> with --entry, but the items are from standard input.');
  }
  const terminal = new Terminal(options);
  const signal = interruptSignal();
  const maxBytes = maxFileBytes;
  const text =
    file === '-'
      ? await readStdin(terminal, signal, { maxBytes, awaited: 'the items' })
      : undefined;
  if (options.file === undefined && !text?.trim()) refuseWithoutItems(command);
  if (text === undefined && file === '-') return refuseWithoutItems(command);
  const items = text === undefined ? await itemsOf(file, options) : parseEvalItems(text);
  const model = await loadWithSpinner(
    await theModel(argument, command),
    { ...loadOptions(options), signal },
    terminal,
  );
  await measureAndPrint(
    model,
    {
      run: (onProgress) =>
        evalItems(model, items, {
          blank: options.blank,
          limit: options.limit,
          contextLength: contextLength(options, model),
          kvType: options.kvType,
          signal,
          onProgress,
        }),
      part: (soFar) => soFar.items / soFar.itemsInAll,
      describe,
      lines: evalLines,
    },
    { json: options.json, terminal },
  );
}

/** The items in a file or archive; the labels of PIQA are in a file beside it. */
async function itemsOf(file: string, { entry }: EvalCommandOptions): Promise<EvalItem[]> {
  const bytes = await readBytesOf(file, { maxBytes: maxFileBytes });
  const beside = labelsName(file);
  const labels =
    beside === file || !existsSync(beside)
      ? undefined
      : await readTextFile(beside, { maxBytes: maxFileBytes, regular: true });
  return itemsInFile(bytes, { name: fileName(file), path: file, entry, labels });
}

function refuseWithoutItems(command: Command): never {
  return command.error('error: Expected items: -f <file> or JSON Lines on standard input.');
}

/** A line about how far it has come. */
function describe({ items, itemsInAll, accuracy }: EvalResult): string {
  return `item ${items} of ${itemsInAll}: accuracy ${percent(accuracy.value)}`;
}

function evalLines(result: EvalResult): string[] {
  const { items, itemsInAll, accuracy, normalizedAccuracy, chance, perplexity, shortened } = result;
  const some =
    items === itemsInAll ? grouped(items) : `${grouped(items)} of ${grouped(itemsInAll)}`;
  return [
    `Accuracy        ${share(accuracy)}`,
    ...(normalizedAccuracy ? [`Normalized      ${share(normalizedAccuracy)} (per byte)`] : []),
    ...(chance === null ? [] : [`By chance       ${percent(chance)}`]),
    ...(perplexity === null ? [] : [`Perplexity      ${perplexity.toFixed(4)} per last word`]),
    `Items           ${some}`,
    ...(shortened > 0 ? [`Shortened       ${grouped(shortened)} to fit the context`] : []),
  ];
}

function share({ value, error }: Share): string {
  return error === null ? percent(value) : `${percent(value)} ± ${percent(error)}`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
