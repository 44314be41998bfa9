import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import { type ConvertType, convertTypes } from '../../lib/convert/convert-options.js';
import type { ConvertOptions, ConvertProgress, ConvertResult } from '../../lib/index.js';
import { memorySize } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { modelPath } from '../model-argument.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';
import { ConvertView } from './convert-view.mjs';
import { PullView } from './pull-view.mjs';

interface ConvertCommandOptions {
  output: string;
  type: ConvertType;
  to: 'gguf' | 'safetensors';
  maxSize?: number;
  base?: string;
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
  bitnet convert microsoft/bitnet-b1.58-2B-4T-bf16 -o 2b4t.gguf
  bitnet convert Qwen3-0.6B/model.safetensors -o qwen3.gguf --type f16
  bitnet convert model.gguf --to safetensors -o folder
  bitnet convert adapter -o adapter.gguf --base model.gguf`;

/** `bitnet convert`: a checkpoint of Hugging Face in, a GGUF file out; or the other way. */
export function convertCommand(): Command {
  return new Command('convert')
    .description(
      'Convert a checkpoint (safetensors) to a GGUF file, or a GGUF file to a checkpoint.',
    )
    .argument(
      '<source>',
      'folder of a checkpoint or adapter, .safetensors file in it, owner/repo, or GGUF file',
    )
    .addHelpText('after', examples)
    .requiredOption('-o, --output <path>', 'GGUF file or folder to write')
    .addOption(
      new Option('--to <format>', 'gguf, or safetensors: a folder for Transformers')
        .choices(['gguf', 'safetensors'])
        .default('gguf'),
    )
    .addOption(
      new Option('--type <name>', 'of linear layers; auto: the smallest that is exact')
        .choices(convertTypes)
        .default('auto'),
    )
    .option('--max-size <size>', 'of the tensors in a .safetensors file (5GB)', memorySize)
    .option('--base <model>', 'of an adapter: GGUF file, or folder with config.json')
    .option('--allow-rounding', 'let a type round scales to 16 bits')
    .option('--overwrite', 'replace an existing file')
    .addOption(new Option('--force').hideHelp())
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(convert);
}

async function convert(
  source: string,
  options: ConvertCommandOptions,
  command: Command,
): Promise<void> {
  if (options.to === 'safetensors') return exportModel(source, options, command);
  if (await isAdapter(source)) return convertLora(source, options, command);
  refuseOptions(command, ['base'], ' only be used with an adapter (adapter_config.json)');
  refuseOptions(command, ['maxSize'], ' only be used with --to safetensors');
  const { output, type, allowRounding, force, overwrite = force } = options;
  const terminal = new Terminal(options);
  const how = { type, allowRounding, overwrite };
  const result = (await isRepository(source))
    ? await convertPulled(source, output, how, terminal)
    : await convertFolder(source, output, how, terminal);
  for (const { subject, choice, reason, warning } of result.decisions) {
    const text = `${subject}: ${choice} (${reason})`;
    if (warning) terminal.warn(text);
    else terminal.note(text);
  }
  for (const note of result.notes) terminal.note(note);
  if (options.json) return new Output().json(result);
  terminal.note(summary(result));
}

/** Whether a source that is not there can be one of the Hub. */
async function isRepository(source: string): Promise<boolean> {
  const name = /^((hf|huggingface)\.co\/)?[a-z\d][\w.-]*\/[a-z\d][\w.-]*(@[\w.-]+)?$/i;
  if (!name.test(source) || /\.(gguf|json|safetensors)$/i.test(source)) return false;
  return access(source).then(
    () => false,
    () => true,
  );
}

async function convertFolder(
  source: string,
  output: string,
  how: ConvertOptions,
  terminal: Terminal,
): Promise<ConvertResult> {
  const { convertCheckpoint } = await import('../../lib/convert/convert.js');
  return withProgress(terminal, source, (watched) =>
    convertCheckpoint(source, output, { ...how, ...watched }),
  );
}

async function convertPulled(
  source: string,
  output: string,
  how: ConvertOptions,
  terminal: Terminal,
): Promise<ConvertResult> {
  const { convertRepository } = await import('../../lib/pull/convert-repository.js');
  const view = new PullView(terminal);
  const signal = interruptSignal();
  let progress: ConvertView | undefined;
  try {
    return await convertRepository(source, output, {
      ...{ ...how, signal },
      onPull: (pulled) => view.update(pulled),
      onNotice: (text) => {
        view.stop(); // its line would be in the way
        terminal.warn(text);
      },
      onProgress: (done) => {
        view.stop();
        progress ??= new ConvertView(terminal, source);
        progress.update(done);
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
    progress?.stop();
  }
}

/** Whether a folder, or that of a file, is of PEFT. */
async function isAdapter(source: string): Promise<boolean> {
  const folder = /\.(json|safetensors)$/i.test(source) ? dirname(source) : source;
  return access(join(folder, 'adapter_config.json')).then(
    () => true,
    () => false,
  );
}

/** A LoRA adapter of PEFT in, a GGUF adapter out. */
async function convertLora(
  source: string,
  options: ConvertCommandOptions,
  command: Command,
): Promise<void> {
  refuseOptions(
    command,
    ['type', 'allowRounding'],
    'not be used with an adapter, which keeps its types',
  );
  const { convertAdapter } = await import('../../lib/convert/adapter/convert-adapter.js');
  const terminal = new Terminal(options);
  const { output, force, overwrite = force } = options;
  const base = options.base === undefined ? undefined : await modelPath(options.base);
  const result = await convertAdapter(source, output, {
    ...{ base, overwrite },
    signal: interruptSignal(),
  });
  for (const { subject, choice, reason } of result.decisions) {
    terminal.note(`${subject}: ${choice} (${reason})`);
  }
  if (options.json) return new Output().json(result);
  const { path, architecture, alpha, types, bytes: size } = result;
  terminal.note(
    `${path}: LoRA for ${architecture}, alpha ${alpha}, ${counted(types)}, ${bytes(size)}`,
  );
}

/** A GGUF file in, a checkpoint out. */
async function exportModel(
  source: string,
  options: ConvertCommandOptions,
  command: Command,
): Promise<void> {
  refuseOptions(
    command,
    ['type', 'allowRounding'],
    'not be used with --to safetensors, which is exact',
  );
  refuseOptions(
    command,
    ['overwrite', 'force'],
    'not be used with --to safetensors: no folder is replaced',
  );
  const { exportCheckpoint } = await import('../../lib/convert/export/export-checkpoint.js');
  const terminal = new Terminal(options);
  const path = await modelPath(source);
  const { maxSize: maxShardBytes } = options;
  const result = await withProgress(terminal, source, (watched) =>
    exportCheckpoint(path, options.output, { maxShardBytes, ...watched }),
  );
  for (const note of result.notes) terminal.note(note);
  if (options.json) return new Output().json(result);
  const { modelType, types, bytes: size } = result;
  terminal.note(`${options.output}: ${modelType}, ${counted(types)}, ${bytes(size)}`);
}

/** @throws a usage error where an option is given that means nothing */
function refuseOptions(command: Command, names: readonly string[], where: string): void {
  const given = names.find((name) => command.getOptionValueSource(name) === 'cli');
  if (given === undefined) return;
  const flag = command.options.find((option) => option.attributeName() === given)!.long;
  command.error(`error: option '${flag}' can${where}`);
}

/** Work with a line that says how far it is. */
async function withProgress<Result>(
  terminal: Terminal,
  source: string,
  work: (options: {
    signal: AbortSignal;
    onProgress: (progress: ConvertProgress) => void;
  }) => Promise<Result>,
): Promise<Result> {
  const view = new ConvertView(terminal, source);
  try {
    return await work({ signal: interruptSignal(), onProgress: (done) => view.update(done) });
  } finally {
    view.stop();
  }
}

function summary({ path, architecture, types, bytes: size }: ConvertResult): string {
  return `${path}: ${architecture}, ${counted(types)}, ${bytes(size)}`;
}

/** `2 F32 + 7 I2_S`. */
function counted(types: Readonly<Record<string, number>>): string {
  return Object.entries(types)
    .map(([type, count]) => `${count} ${type}`)
    .join(' + ');
}
