import { Command, InvalidArgumentError, Option } from 'commander';
import { isPaperReport } from '../../bench/paper/report.js';
import type { BenchReport } from '../../bench/report/report.js';
import { type ScenarioName, scenarioNames } from '../../bench/scenario/names.js';
import { type SynthFormat, synthFormats } from '../../bench/synth/formats.js';
import { type ShapeName, shapes } from '../../bench/synth/shapes.js';
import type { Decision, MetadataOverrides } from '../../lib/index.js';
import { decimal, integer, integers, memorySize, names, repeated } from '../arguments.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { warnOfDecisions } from '../load-model.mjs';
import { defaultModel } from '../model-argument.mjs';
import { kvMemoryOption, modelOption } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { overrideKvOption } from '../override-kv.mjs';
import { columnsOf, Terminal } from '../terminal.mjs';
import { comparisonLines } from './bench-comparison-view.mjs';
import { duration } from './bench-duration.mjs';
import { checkPagePath, pagePath, writeReport } from './bench-html.mjs';
import { benchPaperCommand, writePaper } from './bench-paper.mjs';
import { csvLines, jsonLines } from './bench-records.mjs';
import { benchScenarioCommand } from './bench-scenario.mjs';
import { benchLines, markdownLines, noisyTests } from './bench-view.mjs';
import { cutShort } from './measure.mjs';

interface BenchCommandOptions {
  model?: string[];
  shape?: ShapeName[];
  format?: SynthFormat[];
  layers?: number;
  memory?: number;
  nPrompt: number[];
  nGen: number[];
  pg: [number, number][];
  depth: number[];
  sequences: number[];
  batchSize: number;
  repetitions: number;
  threads?: number[];
  kernel?: string[];
  autotune: boolean;
  headPrefilter: boolean;
  skipInactive: boolean;
  kvMemory?: number;
  overrideKv?: MetadataOverrides;
  adapter?: string[];
  coldAdapters?: number;
  assumeWatts?: number;
  output: 'table' | 'md' | 'csv' | 'json' | 'jsonl';
  html?: string;
  force?: boolean;
  from?: string;
  compare?: string[];
  paper?: boolean;
  scenario?: ScenarioName;
  stepTarget?: number;
  minutes?: number;
  replay?: string;
  draft?: string;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const longest = 2 ** 24;

const examples = `
Examples:
  bitnet bench
  bitnet bench model.gguf -p 128,512 -n 64 -t 1,2 -o json
  bitnet bench a.gguf b.gguf --kernel mad2-avx2,lut-avx2
  bitnet bench --shape 3b --format f16,q4_0,i2_s
  bitnet bench --shape 70b --memory 8GB -p 0 -n 16
  bitnet bench --paper --memory 16GB
  bitnet bench --shape 2b4t --replay repeat:0.7
  bitnet bench --scenario prompt-beside-stream --shape 700m
  bitnet bench --html report.html -o json > report.json
  bitnet bench --from report.json --html report.html
  bitnet bench --compare old.json new.json`;

/** `bitnet bench`: how fast models are read in and continued on this machine, and what that takes. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure the speed, memory and energy of models on this machine.')
    .argument('[model...]', 'GGUF files or pulled models (default: the embedded one)')
    .addHelpText('after', examples)
    .addOption(modelOption('the same; repeatable').argParser(repeated))
    .addOption(
      new Option('--shape <names>', 'synthetic models: see bitnet synth').argParser(
        names(Object.keys(shapes) as ShapeName[]),
      ),
    )
    .addOption(
      new Option('--format <names>', 'of their linear layers (default: i2_s)').argParser(
        names(synthFormats),
      ),
    )
    .option('--layers <count>', 'layers to measure and extrapolate from', integer(1, 1024))
    .option('--memory <size>', 'memory for one of them, such as 16GB', memorySize)
    .option('-p, --n-prompt <tokens>', 'prompt lengths; 0: none', integers(0, longest), [512])
    .option('-n, --n-gen <tokens>', 'tokens to decode; 0: none', integers(0, longest), [128])
    .addOption(
      new Option('--pg <pair>', 'a prompt and a generation as one test, such as 512,128')
        .argParser(pair)
        .default([], 'none'),
    )
    .option(
      '-d, --depth <tokens>',
      'context filled before each test, untimed',
      integers(0, longest),
      [0],
    )
    .option('--sequences <counts>', 'sequences that run in parallel', integers(1, 256), [1])
    .option(
      '-b, --batch-size <tokens>',
      'prompt tokens evaluated at once',
      integer(1, longest),
      512,
    )
    .option('-r, --repetitions <count>', 'measurements of each test', integer(1, 1000), 5)
    .addOption(
      new Option('-t, --threads <counts>', 'default: all available cores')
        .env('BITNET_THREADS')
        .argParser(integers(1, 1024)),
    )
    .addOption(
      new Option('--kernel <names>', 'kernels or instruction sets')
        .env('BITNET_KERNEL')
        .argParser((text: string) => text.split(',')),
    )
    .option('--no-autotune', 'as in run')
    .option('--no-head-prefilter', 'as in run')
    .option('--no-skip-inactive', 'as in run')
    .addOption(kvMemoryOption('default: no limit'))
    .addOption(overrideKvOption())
    .option('--adapter <file>', 'LoRA adapter to measure with; repeatable', repeated)
    .option('--cold-adapters <count>', 'registered, and read when used', integer(1, 10_000))
    .option(
      '--assume-watts <watts>',
      'add an energy estimate from this power',
      decimal(0.001, 100_000),
    )
    .addOption(
      new Option('-o, --output <format>', 'of the report')
        .choices(['table', 'md', 'csv', 'json', 'jsonl'])
        .default('table'),
    )
    .addOption(
      new Option('--html <file>', 'also write an HTML page with plots').argParser(pagePath),
    )
    .option('--force', 'let --html replace any file')
    .option('--from <report>', 'show a JSON report, measure nothing')
    .option('--compare <reports...>', 'compare two JSON reports, the older first')
    .option('--paper', 'reproduce the tables of the BitNet papers')
    .addOption(
      new Option('--scenario <name>', 'what generations cost each other').choices(scenarioNames),
    )
    .option('--step-target <ms>', 'as of loadModel, for --scenario', decimal(0.001, 1e6))
    .option('--minutes <count>', 'time limit for --paper (default: 10)', decimal(0.01, 1440))
    .option('--replay <trace>', 'generate recorded texts with and without drafts')
    .option('--draft <file>', 'a smaller model that drafts, for --replay')
    .option('--json', 'the same as -o json, with errors as JSON')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(bench);
}

async function bench(
  args: readonly string[],
  options: BenchCommandOptions,
  command: Command,
): Promise<void> {
  const named = command.getOptionValueSource('model') === 'cli' ? options.model : [];
  const paths = [...args, ...(named ?? [])];
  if (options.paper) return benchPaperCommand(paths, options, command);
  if (options.minutes !== undefined) command.error('error: Expected --paper with --minutes.');
  if (options.scenario) return benchScenarioCommand(paths, options, command);
  if (options.stepTarget !== undefined) {
    command.error('error: Expected --scenario with --step-target.');
  }
  const { shape, format, layers, memory } = options;
  if (!shape && (format ?? layers ?? memory) !== undefined) {
    command.error('error: Expected --shape with --format, --layers or --memory.');
  }
  if (options.compare) return compare(paths, options.compare, options);
  if (options.replay !== undefined) return replayed(paths, options.replay, options, command);
  if (options.draft !== undefined) command.error('error: Expected --replay with --draft.');
  await checkPagePath(options);
  const terminal = new Terminal(options);
  const { json } = options;
  const form = json ? 'json' : options.output;
  const report =
    options.from === undefined
      ? await measured(paths, options, command, terminal).catch((error) =>
          cutShort(error, { json, terminal }, (soFar: BenchReport) => write(soFar, form)),
        )
      : await saved([...paths, ...(shape ?? [])], options.from);
  await writeReport(options, report, terminal, () =>
    isPaperReport(report) ? writePaper(report, form) : write(report, form),
  );
  const noisy = noisyTests(report);
  if (noisy.length > 0) {
    terminal.warn(
      `Samples of ${noisy.join(', ')} vary by more than 5 %: something else ran on this machine; close it and measure again.`,
    );
  }
}

/** Measures what drafts gain with one model. */
async function replayed(
  paths: readonly string[],
  trace: string,
  options: BenchCommandOptions,
  command: Command,
): Promise<void> {
  const { shape = [], format = ['i2_s' as const], layers, kernel = [], threads = [] } = options;
  const models = [...paths, ...shape.map((name) => ({ shape: name, format: format[0], layers }))];
  if ([models, format, kernel, threads].some(({ length }) => length > 1)) {
    command.error('error: Expected one model, one --kernel and one --threads with --replay.');
  }
  const { benchReplay } = await import('./bench-replay.mjs');
  const { autotune, headPrefilter, skipInactive, overrideKv: metadataOverrides } = options;
  await benchReplay(
    {
      ...{ trace, draft: options.draft, repetitions: options.repetitions },
      model: models[0] ?? (await defaultModel(command)),
      load: {
        ...{ autotune, headPrefilter, skipInactive, metadataOverrides },
        ...{ kernel: kernel[0], threads: threads[0] },
      },
      json: options.json === true || options.output === 'json',
      signal: interruptSignal(),
    },
    new Terminal(options),
  );
}

async function measured(
  paths: readonly string[],
  options: BenchCommandOptions,
  command: Command,
  terminal: Terminal,
): Promise<BenchReport> {
  const signal = interruptSignal(); // also while what measures is loaded
  const { bench: measure } = await import('../../bench/bench.js');
  const { shape, format = ['i2_s' as const], layers, memory } = options;
  const synthetic = (shape ?? []).flatMap((name) =>
    format.map((type) => ({ shape: name, format: type, layers })),
  );
  const models = [...paths, ...synthetic];
  const usual = models.length > 0 ? undefined : await defaultModel(command);
  const {
    nPrompt: prompts,
    nGen: generations,
    pg: pairs,
    depth: depths,
    kernel: kernels,
  } = options;
  const { sequences, batchSize: batch, repetitions, threads } = options;
  const { autotune, headPrefilter, skipInactive, assumeWatts } = options;
  const { overrideKv: metadataOverrides, kvMemory } = options;
  const spinner = terminal.spinner('Measuring');
  const decided = new Map<string, readonly Decision[]>();
  try {
    return await measure({
      models: usual === undefined ? models : [usual],
      ...{ memory, metadataOverrides, kvMemory, adapters: options.adapter },
      coldAdapters: options.coldAdapters,
      ...{ prompts, generations, pairs, depths, sequences, batch },
      ...{ repetitions, threads, kernels, autotune, headPrefilter, skipInactive, assumeWatts },
      command: ['bitnet', ...process.argv.slice(2)].join(' '),
      signal,
      onDecisions: (path, decisions) => decided.set(path, decisions),
      onProgress: (step, done, left) => {
        const rest = left === null ? '' : `, about ${duration(left)} left`;
        spinner.update(`${step} (${Math.floor(100 * done)} %${rest})`);
      },
    });
  } finally {
    spinner.stop();
    for (const [path, decisions] of decided) warnOfDecisions(decisions, terminal, path);
  }
}

/** A report that was measured before. */
async function saved(models: readonly string[], path: string): Promise<BenchReport> {
  if (models.length > 0) throw new InvalidArgumentError('Expected no model beside --from.');
  const { readSavedReport } = await import('../../bench/report/saved-report.js');
  return readSavedReport(path);
}

const views = { md: markdownLines, csv: csvLines, jsonl: jsonLines };

async function write(report: BenchReport, form: BenchCommandOptions['output']): Promise<void> {
  const output = new Output();
  if (form === 'json') await output.json(report);
  else if (form === 'table') await output.lines(benchLines(report, columnsOf(process.stdout)));
  else await output.lines(views[form](report));
}

/** `--pg 512,128`, which may be given several times. */
function pair(text: string, previous: [number, number][] = []): [number, number][] {
  const numbers = integers(1, longest)(text);
  if (numbers.length !== 2) {
    throw new InvalidArgumentError('Expected two integers separated by a comma: 512,128.');
  }
  return [...previous, numbers as [number, number]];
}

/** Prints how the second of two reports differs from the first. */
async function compare(
  models: readonly string[],
  paths: readonly string[],
  options: BenchCommandOptions,
): Promise<void> {
  const { compareReports } = await import('../../bench/report/compare.js');
  if (models.length > 0 || paths.length !== 2) {
    throw new InvalidArgumentError('Expected two reports after --compare, and no model.');
  }
  if (options.html !== undefined || options.from !== undefined) {
    throw new InvalidArgumentError('Expected --compare without --html and --from.');
  }
  if (!['table', 'json'].includes(options.output)) {
    throw new InvalidArgumentError(
      `Expected -o table or -o json with --compare, but received ${options.output}.`,
    );
  }
  const { readSavedReport } = await import('../../bench/report/saved-report.js');
  const [older, newer] = await Promise.all(paths.map(readSavedReport));
  const comparison = compareReports(older!, newer!);
  const output = new Output();
  if (options.json || options.output === 'json') return output.json(comparison);
  await output.lines(comparisonLines(comparison));
}
