import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { bytes as byteSize } from '../../lib/byte-size.js';
import type { QuantizedTensor, QuantizeOptions, QuantizeResult } from '../../lib/index.js';
import { quantizeTypeNames, tensorTypes } from '../../lib/quantize/types.js';
import { repeated } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { modelPath } from '../model-argument.mjs';
import { threadsOption } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { Terminal } from '../terminal.mjs';

interface QuantizeCommandOptions extends Omit<QuantizeOptions, 'signal' | 'onProgress'> {
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet quantize model-f16.gguf model.gguf --type i2_s
  bitnet quantize bonsai-q2_0.gguf bonsai-tq2_0.gguf --type tq2_0
  bitnet quantize model-f16.gguf model-q4.gguf --type q4_k_m --keep 'blk.0.*'`;

/** `bitnet quantize`: a model's weights in another type. */
export function quantizeCommand(): Command {
  return new Command('quantize')
    .description("Write a model with its weights in another type, or a ternary model's exactly.")
    .argument('<model>', 'GGUF file or pulled model')
    .argument('<output>', 'GGUF file to write')
    .addHelpText('after', examples)
    .addOption(
      typeOption(
        '--type',
        'what the linear layers become',
        quantizeTypeNames,
      ).makeOptionMandatory(),
    )
    .addOption(typeOption('--token-embedding-type', 'of the token embedding', tensorTypes))
    .addOption(typeOption('--output-type', 'of the output head', tensorTypes))
    .addOption(
      new Option(
        '--keep <names>',
        'tensors that stay as they are, such as blk.0.*; repeatable',
      ).argParser(repeated),
    )
    .option('--force', 'round weights to a ternary type that are not ternary')
    .option('--allow-rounding', 'round scales that f16 cannot hold')
    .option('--allow-requantize', 'quantize weights that are quantized already')
    .option('--overwrite', 'replace an existing file')
    .addOption(threadsOption())
    .addOption(
      new Option('--i2s-layout <name>', 'byte order of I2_S').choices([
        'canonical',
        'arm64',
        'rows4',
      ]),
    )
    .option('--tl-table <name>', 'tiles of TL1 and TL2: a preset or an .ini file')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(quantize);
}

/** One of some types, in any spelling. */
function typeOption(name: string, description: string, types: readonly string[]): Option {
  const option = new Option(`${name} <name>`, description);
  const check = option.choices(types.map((type) => type.toLowerCase())).parseArg!;
  return option.argParser((value) => check(value.toLowerCase(), undefined));
}

async function quantize(
  model: string,
  output: string,
  options: QuantizeCommandOptions,
): Promise<void> {
  const { quantizeModel } = await import('../../lib/quantize/quantize.js');
  const { json, quiet: _, color: __, ...given } = options;
  const terminal = new Terminal(options);
  const label = `Writing ${basename(output)}:`;
  const progress = new Progress(terminal, label);
  const begin = performance.now();
  let result: QuantizeResult;
  try {
    result = await quantizeModel(await modelPath(model), output, {
      ...given,
      signal: interruptSignal(),
      onProgress: ({ fraction, tensor }) =>
        progress.update(fraction, `${label} ${Math.floor(100 * fraction)} %, ${tensor}`),
    });
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - begin) / 1000;
  if (json) return new Output().json({ ...result, seconds });
  for (const line of warnings(result)) terminal.warn(line);
  for (const line of summary(result, seconds)) terminal.note(line);
}

function warnings({ tensors }: QuantizeResult): string[] {
  const forced = tensors.filter(({ distance }) => distance !== undefined);
  const rounded = tensors.filter(({ roundedScales }) => roundedScales);
  const lines: string[] = [];
  if (forced.length > 0) {
    const worst = forced.reduce((most, { distance = 0 }) => Math.max(most, distance), 0);
    lines.push(
      `${tensorCount(forced)} not ternary and rounded by absmean, up to ${(100 * worst).toFixed(1)} % away: only a model trained for it survives that`,
    );
  }
  if (rounded.length > 0) lines.push(`scales of ${tensorCount(rounded)} rounded to f16`);
  return lines;
}

function tensorCount({ length }: readonly QuantizedTensor[]): string {
  return length === 1 ? '1 tensor was' : `${length} tensors were`;
}

function summary({ path, bytes, bytesBefore, tensors }: QuantizeResult, seconds: number): string[] {
  const types = new Map<string, number>();
  for (const { to } of tensors) types.set(to, (types.get(to) ?? 0) + 1);
  const counts = [...types].map(([type, count]) => `${count} ${type}`).join(', ');
  return [
    `${path}: ${byteSize(bytes)} (before: ${byteSize(bytesBefore)}), ${seconds.toFixed(1)} s`,
    `tensors: ${counts}`,
  ];
}
