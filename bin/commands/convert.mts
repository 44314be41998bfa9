import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import { type ConvertType, convertTypes } from '../../lib/convert/convert-options.js';
import type { ConvertProgress, ConvertResult } from '../../lib/index.js';
import { duration } from '../duration.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { Terminal } from '../terminal.mjs';

interface ConvertCommandOptions {
  output: string;
  type: ConvertType;
  allowRounding?: boolean;
  overwrite?: boolean;
  /** What `--overwrite` was called first. */
  force?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet convert bitnet-b1.58-2B-4T -o 2b4t.gguf
  bitnet convert Qwen3-0.6B/model.safetensors -o qwen3.gguf --type f16`;

/** `bitnet convert`: a checkpoint of Hugging Face in, a GGUF file out. */
export function convertCommand(): Command {
  return new Command('convert')
    .description('Convert a checkpoint (safetensors) to a GGUF file.')
    .argument('<folder>', 'folder of a checkpoint, or a .safetensors file in it')
    .addHelpText('after', examples)
    .requiredOption('-o, --output <file>', 'GGUF file to write')
    .addOption(
      new Option('--type <name>', 'of linear layers; auto: the smallest that is exact')
        .choices(convertTypes)
        .default('auto'),
    )
    .option('--allow-rounding', 'let a type round scales to 16 bits')
    .option('--overwrite', 'replace an existing file')
    .addOption(new Option('--force').hideHelp())
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(convert);
}

async function convert(source: string, options: ConvertCommandOptions): Promise<void> {
  const { convertCheckpoint } = await import('../../lib/index.js');
  const { output, type, allowRounding, force, overwrite = force } = options;
  const terminal = new Terminal(options);
  const label = `Converting ${basename(source)}`;
  const progress = new Progress(terminal, `${label} …`);
  const start = performance.now();
  let result: ConvertResult;
  try {
    result = await convertCheckpoint(source, output, {
      ...{ type, allowRounding, overwrite },
      signal: interruptSignal(),
      onProgress: (done) => {
        const seconds = (performance.now() - start) / 1000;
        progress.update(done.bytes / done.total, `${label}: ${progressText(done, seconds)}`);
      },
    });
  } finally {
    progress.stop();
  }
  for (const { subject, choice, reason, warning } of result.decisions) {
    const text = `${subject}: ${choice} (${reason})`;
    if (warning) terminal.warn(text);
    else terminal.note(text);
  }
  for (const note of result.notes) terminal.note(note);
  if (options.json) return new Output().json(result);
  terminal.note(summary(result));
}

/** `45 % of 1.1 GiB, 0:52 left`. */
function progressText({ bytes: done, total }: ConvertProgress, seconds: number): string {
  const left = done > 0 ? `, ${duration((seconds * (total - done)) / done)} left` : '';
  return `${Math.floor((100 * done) / total)} % of ${bytes(total)}${left}`;
}

function summary({ path, architecture, types, bytes: size }: ConvertResult): string {
  const counts = Object.entries(types).map(([type, count]) => `${count} ${type}`);
  return `${path}: ${architecture}, ${counts.join(' + ')}, ${bytes(size)}`;
}
