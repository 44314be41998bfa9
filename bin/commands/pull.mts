import { Command, InvalidArgumentError } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import type { PullResult } from '../../lib/index.js';
import { integer } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';
import { listCatalog } from './pull-list.mjs';
import { PullView } from './pull-view.mjs';

interface PullCommandOptions {
  output?: string;
  sha256?: string;
  force?: boolean;
  convert?: boolean;
  retries: number;
  timeout: number;
  list?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet pull bitnet-2b
  bitnet pull owner/repo/model.gguf
  bitnet pull owner/repo:Q2_0
  bitnet pull owner/repo@v1.0
  bitnet pull https://example.org/model.gguf -o model.gguf`;

/** `bitnet pull`: get a model. */
export function pullCommand(): Command {
  return new Command('pull')
    .description('Download a model from the Hugging Face Hub or a URL.')
    .argument('[source]', 'short name, owner/repo/file.gguf, owner/repo or URL')
    .addHelpText('after', examples)
    .option('-o, --output <path>', 'write to this file or folder instead')
    .option('--sha256 <digits>', 'checksum the file must have', checksum)
    .option('--force', 'replace existing files')
    .option('--convert', 'convert a checkpoint if there is no GGUF file')
    .option('--retries <count>', 'retries after consecutive failures', integer(0, 1000), 4)
    .option('--timeout <seconds>', 'seconds without data before retrying', integer(1, 86_400), 30)
    .option('--list', 'list the short names, with license and size')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(pull);
}

async function pull(
  source: string | undefined,
  options: PullCommandOptions,
  command: Command,
): Promise<void> {
  if (options.list) return listCatalog(options);
  if (source === undefined) {
    return command.error('error: Expected a model to pull, or --list to list the short names.');
  }
  const { pullModel } = await import('../../lib/pull/pull.js');
  const { output, sha256, force, convert, retries, timeout } = options;
  const terminal = new Terminal(options);
  const view = new PullView(terminal);
  let result: PullResult;
  try {
    result = await pullModel(source, {
      ...{ output, sha256, force, convert, retries, stallTimeout: 1000 * timeout },
      signal: interruptSignal(),
      onProgress: (progress) => view.update(progress),
      onNotice: (text) => {
        view.stop(); // its line would be in the way
        terminal.warn(text);
      },
    });
  } catch (error) {
    view.stop();
    if ((error as { resumable?: boolean }).resumable) {
      terminal.note('What has arrived is kept: the same command continues from there.');
    }
    throw error;
  } finally {
    view.stop();
  }
  if (options.json) return new Output().json(result);
  for (const line of summary(result, source)) terminal.note(line);
}

function summary(
  { name, path, bytes: size, received, files }: PullResult,
  source: string,
): string[] {
  const parts = files.length > 1 ? ` in ${files.length} files` : '';
  const there = received === 0 ? ', there already' : '';
  const [file] = files;
  return [
    `${name ?? path}: ${bytes(size)}${parts}${there}`,
    ...(files.length === 1 && file?.sha256 ? [`SHA-256 ${file.sha256}`] : []),
    ...(name ? [`bitnet run ${source.includes('/') ? name : source}`] : []),
  ];
}

function checksum(text: string): string {
  if (/^[\da-f]{64}$/i.test(text)) return text;
  throw new InvalidArgumentError('Expected 64 hexadecimal digits.');
}
