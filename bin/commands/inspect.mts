import { Command, Option } from 'commander';
import { Output } from '../output.mjs';
import { inspectionLines } from './inspect-view.mjs';

interface InspectOptions {
  json?: boolean;
  kernel?: string;
  activation?: 'relu2' | 'silu';
  preTokenizer?: string;
  screenHead: boolean;
  skipZeros: boolean;
}

/** `bitnet inspect`: what a model file holds and what would be done with it. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Describe a model file: metadata, graph, tensors, memory, kernels.')
    .argument('[model]', 'GGUF file (default: the embedded story model)')
    .addOption(new Option('--kernel <name>', 'as in run').env('BITNET_KERNEL'))
    .addOption(new Option('--activation <name>', 'as in run').choices(['relu2', 'silu']))
    .option('--pre-tokenizer <name>', 'as in run')
    .option('--no-screen-head', 'as in run')
    .option('--no-skip-zeros', 'as in run')
    .option('--json', 'one JSON object')
    .action(inspect);
}

async function inspect(path: string | undefined, options: InspectOptions): Promise<void> {
  const { inspectModel } = await import('../../lib/index.js');
  const { kernel, activation, preTokenizer, screenHead, skipZeros } = options;
  const model = path ?? (process.env.BITNET_MODEL || undefined);
  const inspection = await inspectModel(model, {
    ...{ kernel, activation, preTokenizer, screenHead, skipZeros },
  });
  const output = new Output();
  if (options.json) await output.json(inspection);
  else await output.lines(inspectionLines(inspection));
}
