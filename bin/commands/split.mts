import { Command } from 'commander';
import type { SplitOptions } from '../../lib/index.js';
import { integer, memorySize } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { modelPath } from '../model-argument.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { Terminal } from '../terminal.mjs';

interface SplitCommandOptions {
  maxTensors?: number;
  maxSize?: number;
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet split model.gguf model --max-size 2GB
  bitnet split model.gguf model --max-tensors 128`;

/** `bitnet split`: one file as several. */
export function splitCommand(): Command {
  return new Command('split')
    .description('Write a model as several files.')
    .argument('<model>', 'GGUF file or pulled model')
    .argument('<prefix>', 'of the files: <prefix>-00001-of-00003.gguf, ...')
    .addHelpText('after', examples)
    .option('--max-size <size>', 'of the tensors in a file, such as 2GB', memorySize)
    .option(
      '--max-tensors <count>',
      'of a file; default without --max-size: 128',
      integer(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--overwrite', 'replace existing files')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(split);
}

async function split(model: string, prefix: string, options: SplitCommandOptions): Promise<void> {
  const { splitModel } = await import('../../lib/shards/split-model.js');
  const { maxTensors, maxSize: maxBytes, overwrite, json } = options;
  const terminal = new Terminal(options);
  const progress = new Progress(terminal, 'Writing');
  const given: SplitOptions = {
    ...{ maxTensors, maxBytes, overwrite, signal: interruptSignal() },
    onProgress: ({ fraction }) =>
      progress.update(fraction, `Writing: ${Math.floor(100 * fraction)} %`),
  };
  const result = await splitModel(await modelPath(model), prefix, given).finally(() =>
    progress.stop(),
  );
  if (json) return new Output().json(result);
  const { paths } = result;
  for (const path of paths) terminal.note(path);
}
