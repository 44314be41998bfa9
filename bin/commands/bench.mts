import { Command, Option } from 'commander';
import type { BenchReport } from '../../lib/bench/report.js';
import { integer, integers } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';
import { benchLines, noisyTests } from './bench-view.mjs';

interface BenchCommandOptions {
  nPrompt: number[];
  nGen: number[];
  repetitions: number;
  threads?: number[];
  kernel?: string[];
  autotune: boolean;
  screenHead: boolean;
  skipZeros: boolean;
  output: 'table' | 'json';
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const longest = 2 ** 24;

const examples = `
Examples:
  bitnet bench
  bitnet bench model.gguf -p 128,512 -n 64 -t 1,2 -o json
  bitnet bench a.gguf b.gguf --kernel mad2,base3`;

/** `bitnet bench`: how fast models are read in and continued on this machine. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure the speed and the memory of models on this machine.')
    .argument('[model...]', 'GGUF files (default: the embedded story model)')
    .addHelpText('after', examples)
    .option('-p, --n-prompt <tokens>', 'lengths of prompts; 0: none', integers(0, longest), [512])
    .option('-n, --n-gen <tokens>', 'tokens to decode; 0: none', integers(0, longest), [128])
    .option('-r, --repetitions <count>', 'measurements of each test', integer(1, 1000), 5)
    .addOption(
      new Option('-t, --threads <counts>', 'default: the cores there are')
        .env('BITNET_THREADS')
        .argParser(integers(1, 1024)),
    )
    .addOption(
      new Option('--kernel <names>', 'kernels or instruction sets')
        .env('BITNET_KERNEL')
        .argParser((text: string) => text.split(',')),
    )
    .option('--no-autotune', 'as in run')
    .option('--no-screen-head', 'as in run')
    .option('--no-skip-zeros', 'as in run')
    .addOption(
      new Option('-o, --output <format>', 'of the report')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--json', 'the same as -o json, and failures as JSON too')
    .option('--quiet', 'only errors on stderr')
    .option('--no-color', 'no colours')
    .action(bench);
}

async function bench(models: readonly string[], options: BenchCommandOptions): Promise<void> {
  const { bench: measure } = await import('../../lib/bench/bench.js');
  const { nPrompt: prompts, nGen: generations, kernel: kernels } = options;
  const { repetitions, threads, autotune, screenHead, skipZeros } = options;
  const terminal = new Terminal(options);
  const fromEnvironment = process.env.BITNET_MODEL ? [process.env.BITNET_MODEL] : [];
  const spinner = terminal.spinner('Measuring');
  let report: BenchReport;
  try {
    report = await measure({
      models: models.length > 0 ? models : fromEnvironment,
      ...{ prompts, generations, repetitions, threads, kernels, autotune, screenHead, skipZeros },
      command: ['bitnet', ...process.argv.slice(2)].join(' '),
      signal: interruptSignal(),
      onProgress: (step, done) => spinner.update(`${step} (${Math.floor(100 * done)} %)`),
    });
  } finally {
    spinner.stop();
  }
  const output = new Output();
  if (options.json || options.output === 'json') await output.json(report);
  else await output.lines(benchLines(report));
  const noisy = noisyTests(report);
  if (noisy.length > 0) {
    terminal.warn(
      `Samples of ${noisy.join(', ')} vary by more than 5 %: something else ran on this machine; close it and measure again.`,
    );
  }
}
