import process from 'node:process';
import { Command, Option } from 'commander';
import type { Sparsity } from '../../lib/index.js';
import { interruptSignal } from '../interrupt.mjs';
import { theModel } from '../model-argument.mjs';
import {
  addFileOptions,
  type FileOptions,
  fileOverrides,
  kernelOption,
  modelOption,
} from '../model-options.mjs';
import { Output } from '../output.mjs';
import { readTextFile } from '../prompt.mjs';
import { columnsOf, Terminal } from '../terminal.mjs';
import { inspectionLines } from './inspect-view.mjs';

interface InspectOptions extends FileOptions {
  json?: boolean;
  kernel?: string;
  headPrefilter: boolean;
  skipInactive: boolean;
  sparsity?: boolean;
  prompt?: string;
  file?: string;
  quiet?: boolean;
  color: boolean;
}

/** `bitnet inspect`: what a model file holds and what would be done with it. */
export function inspectCommand(): Command {
  const command = new Command('inspect')
    .alias('show')
    .description('Describe a model file: metadata, graph, tensors, memory, kernels.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addOption(modelOption())
    .addOption(kernelOption())
    .option('--no-head-prefilter', 'as in run')
    .option('--no-skip-inactive', 'as in run');
  return addFileOptions(command)
    .option('--sparsity', 'load it and measure its activation sparsity')
    .option('-p, --prompt <text>', 'the text (default: a story of 159 words)')
    .addOption(new Option('-f, --file <file>', 'file with the text').conflicts('prompt'))
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(inspect);
}

async function inspect(
  argument: string | undefined,
  options: InspectOptions,
  command: Command,
): Promise<void> {
  if (!options.sparsity && (options.prompt ?? options.file) !== undefined) {
    command.error('error: Expected --sparsity with a text: nothing else is measured.');
  }
  const { inspectModel } = await import('../../lib/inspect.js');
  const { kernel, headPrefilter, skipInactive } = options;
  const model = await theModel(argument, command);
  const inspection = await inspectModel(model, {
    ...{ ...fileOverrides(options), kernel, headPrefilter, skipInactive },
  });
  const sparsity = options.sparsity ? await zeros(model, options) : undefined;
  const output = new Output();
  const width = process.stdout.isTTY ? columnsOf(process.stdout) : 80;
  if (options.json) await output.json({ ...inspection, ...(sparsity && { sparsity }) });
  else await output.lines(inspectionLines(inspection, width, sparsity));
}

/** Loads the model and counts the zeros of the text that the options give, or of the passage. */
async function zeros(path: string | undefined, options: InspectOptions): Promise<Sparsity> {
  const { loadModel } = await import('../../lib/model/load/load.js');
  const { measureSparsity } = await import('../../lib/model/tuning/sparsity.js');
  const { passage } = await import('../../lib/model/tuning/passage.js');
  const text = options.file === undefined ? options.prompt : await readTextFile(options.file);
  const { kernel, headPrefilter, skipInactive } = options;
  const spinner = new Terminal(options).spinner('Counting zeros');
  try {
    const model = await loadModel(path, {
      ...{ ...fileOverrides(options), kernel, headPrefilter, skipInactive },
      autotune: false,
      signal: interruptSignal(),
    });
    try {
      return await measureSparsity(model, text ?? passage);
    } finally {
      model.close();
    }
  } finally {
    spinner.stop();
  }
}
