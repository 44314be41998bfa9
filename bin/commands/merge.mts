import { Command } from 'commander';
import { bytes as byteSize } from '../../lib/byte-size.js';
import { interruptSignal } from '../interrupt.mjs';
import { modelPath } from '../model-argument.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { Terminal } from '../terminal.mjs';

interface MergeCommandOptions {
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Example:
  bitnet merge model-00001-of-00003.gguf model.gguf`;

/** `bitnet merge`: the shards of a model as one file. */
export function mergeCommand(): Command {
  return new Command('merge')
    .description('Write the files of a split model as one.')
    .argument('<model>', 'any of its GGUF files, or a pulled model')
    .argument('<output>', 'GGUF file to write')
    .addHelpText('after', examples)
    .option('--overwrite', 'replace an existing file')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(merge);
}

async function merge(model: string, output: string, options: MergeCommandOptions): Promise<void> {
  const { mergeModel } = await import('../../lib/shards/merge-model.js');
  const terminal = new Terminal(options);
  const progress = new Progress(terminal, 'Writing');
  const result = await mergeModel(await modelPath(model), output, {
    ...{ overwrite: options.overwrite, signal: interruptSignal() },
    onProgress: ({ fraction }) =>
      progress.update(fraction, `Writing: ${Math.floor(100 * fraction)} %`),
  }).finally(() => progress.stop());
  if (options.json) return new Output().json(result);
  const { path, bytes, shards, tensors } = result;
  terminal.note(`${path}: ${shards} shards, ${tensors} tensors, ${byteSize(bytes)}`);
}
