import { basename } from 'node:path';
import { Command, Option } from 'commander';
import {
  type SynthFormat,
  type SynthScales,
  synthFormats,
  synthScales,
} from '../../bench/synth/formats.js';
import { type ShapeName, shapes } from '../../bench/synth/shapes.js';
import type { Synthesis } from '../../bench/synth/synth.js';
import { decimal, integer } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';

interface SynthCommandOptions {
  shape: ShapeName;
  format: SynthFormat;
  scales: SynthScales;
  output: string;
  activationSparsity?: number;
  layers?: number;
  adapter?: number;
  adapterType: 'f16' | 'f32';
  seed: number;
  force?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet synth --shape 2b4t -o 2b4t.gguf
  bitnet synth --shape 2b4t --adapter 16 -o adapter.gguf
  bitnet synth --shape 7b --layers 2 --format f16 -o 7b-2.gguf`;

/** `bitnet synth`: a model file with random weights, to measure with. */
export function synthCommand(): Command {
  return new Command('synth')
    .description('Write a model with a public shape and random weights.')
    .addHelpText('after', examples)
    .addOption(
      new Option('--shape <name>', 'hyper-parameters')
        .choices(Object.keys(shapes))
        .makeOptionMandatory(),
    )
    .requiredOption('-o, --output <file>', 'GGUF file to write')
    .addOption(
      new Option('--format <name>', 'of linear layers').choices(synthFormats).default('i2_s'),
    )
    .addOption(
      new Option('--scales <of>', 'what has a scale of its own')
        .choices(synthScales)
        .default('tensor'),
    )
    .option('--activation-sparsity <part>', 'fraction of inactive neurons', decimal(0.05, 0.95))
    .option('--layers <count>', 'default: those of the shape', integer(1, 1024))
    .option('--adapter <rank>', 'a LoRA adapter for such a model instead', integer(1, 1024))
    .addOption(
      new Option('--adapter-type <name>', 'of its matrices').choices(['f16', 'f32']).default('f16'),
    )
    .option('-s, --seed <number>', 'same seed, same file', integer(0, 2 ** 32 - 1), 0)
    .option('--force', 'replace an existing file')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(synth);
}

async function synth(options: SynthCommandOptions): Promise<void> {
  if (options.adapter !== undefined) return synthAdapter(options, options.adapter);
  const { synthesize } = await import('../../bench/synth/synth.js');
  const { shape, format, scales, activationSparsity, layers, seed, force: overwrite } = options;
  const terminal = new Terminal(options);
  const label = { trial: 'Tuning gates:', model: `Writing ${basename(options.output)}:` };
  const spinner = terminal.spinner(label[activationSparsity === undefined ? 'model' : 'trial']);
  let result: Synthesis;
  try {
    result = await synthesize(options.output, {
      ...{ shape, format, scales, activationSparsity, layers, seed, overwrite },
      signal: interruptSignal(),
      onProgress: (step, done) => spinner.update(`${label[step]} ${Math.floor(100 * done)} %`),
    });
  } finally {
    spinner.stop();
  }
  if (options.json) return new Output().json(result);
  for (const line of summary(result, options)) terminal.note(line);
}

async function synthAdapter(options: SynthCommandOptions, rank: number): Promise<void> {
  const { synthesizeAdapter } = await import('../../bench/synth/adapter.js');
  const { shape, layers, seed, adapterType: type, force: overwrite } = options;
  const result = await synthesizeAdapter(options.output, {
    ...{ shape, layers, seed, rank, type, overwrite },
  });
  if (options.json) return new Output().json(result);
  const size = `${(result.bytes / 2 ** 20).toFixed(1)} MiB`;
  const depth = `${result.layers} ${result.layers === 1 ? 'layer' : 'layers'}`;
  new Terminal(options).note(
    `${result.path}: adapter for ${shape}, ${depth}, rank ${rank}, ${size}`,
  );
}

function summary(result: Synthesis, { shape: name }: SynthCommandOptions): string[] {
  const { path, bytes, shape, format, inactiveNeurons } = result;
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${path}: ${name}, ${shape.nLayer} ${shape.nLayer === 1 ? 'layer' : 'layers'}, ${format}, ${size}`,
    ...(inactiveNeurons ?? []).map(
      (part, layer) => `layer ${layer}: ${(100 * part).toFixed(1)} % of the neurons inactive`,
    ),
  ];
}
