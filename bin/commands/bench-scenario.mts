import { basename } from 'node:path';
import type { Command } from 'commander';
import { digits } from '../../bench/report/numbers.js';
import type { ScenarioName } from '../../bench/scenario/names.js';
import type { ScenarioReport } from '../../bench/scenario/scenarios.js';
import type { SynthFormat } from '../../bench/synth/formats.js';
import type { ShapeName } from '../../bench/synth/shapes.js';
import { count } from '../../lib/count.js';
import { escaped } from '../escape.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { defaultModel } from '../model-argument.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';
import { alignedLines } from './bench-tables.mjs';

/** The options of bench that --scenario accepts. */
interface ScenarioCommandOptions {
  scenario?: ScenarioName;
  shape?: ShapeName[];
  format?: SynthFormat[];
  layers?: number;
  nPrompt: number[];
  repetitions: number;
  threads?: number[];
  kernel?: string[];
  stepTarget?: number;
  output: string;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const allowed = new Set([
  ...['scenario', 'model', 'shape', 'format', 'layers', 'nPrompt', 'repetitions', 'threads'],
  ...['kernel', 'stepTarget', 'output', 'json', 'quiet', 'color'],
]);

/** `bitnet bench --scenario`: what generations that run at the same time cost each other. */
export async function benchScenarioCommand(
  paths: readonly string[],
  options: ScenarioCommandOptions,
  command: Command,
): Promise<void> {
  refuseOthers(paths, options, command);
  const signal = interruptSignal(); // also while what measures is loaded
  const { benchScenario } = await import('../../bench/scenario/scenarios.js');
  const { shape, format, layers, threads, kernel, repetitions, stepTarget } = options;
  const synthetic = shape && { shape: shape[0]!, format: format?.[0] ?? 'i2_s', layers };
  const terminal = new Terminal(options);
  const spinner = terminal.spinner('Measuring');
  let report: ScenarioReport;
  try {
    report = await benchScenario({
      scenario: options.scenario!,
      model: synthetic ?? paths[0] ?? (await defaultModel(command)),
      ...(isGiven(command, 'nPrompt') && { prompt: options.nPrompt[0]! }),
      ...(threads && { threads: threads[0]! }),
      ...(kernel && { kernel: kernel[0]! }),
      ...(stepTarget !== undefined && { stepTarget }),
      ...{ repetitions, signal },
      command: ['bitnet', ...process.argv.slice(2)].join(' '),
      onProgress: (step) => spinner.update(step),
    });
  } finally {
    spinner.stop();
  }
  const output = new Output();
  if (options.json || options.output === 'json') await output.json(report);
  else await output.lines(scenarioLines(report));
}

/** A report as lines: what was measured, then a line for each figure. */
export function scenarioLines(report: ScenarioReport): string[] {
  const { machine, build, description, model, threads, repetitions, figures } = report;
  const head = [
    `${machine.cpu}, ${machine.usableCores} of ${machine.cores} cores, bitnet ${build.version}`,
    `${basename(model)} on ${count(threads, 'thread')}: ${description}, ${count(repetitions, 'round')}`,
  ];
  const ms = (milliseconds: number) => `${digits(milliseconds)} ms`;
  const rows = figures.map(({ name, alone, beside, ratio }) => [
    ...[name, ms(alone.median), ms(beside.median)],
    `${digits(ratio.median)} ± ${digits(ratio.sd)}`,
  ]);
  const titles = ['median', 'alone', 'beside', 'beside / alone'];
  return [...head.map(escaped), '', ...alignedLines([titles, ...rows], (column) => column === 0)];
}

function refuseOthers(
  paths: readonly string[],
  { shape = [], format = [], nPrompt, threads = [], kernel = [], output }: ScenarioCommandOptions,
  command: Command,
): void {
  const other = command.options.find((option) => {
    const name = option.attributeName();
    return isGiven(command, name) && !allowed.has(name);
  });
  if (other) command.error(`error: Expected --scenario without ${other.long}.`);
  if (paths.length + shape.length > 1 || format.length > 1) {
    command.error('error: Expected one model with --scenario.');
  }
  if (nPrompt.length > 1 || threads.length > 1 || kernel.length > 1) {
    command.error('error: Expected one prompt, number of threads and kernel with --scenario.');
  }
  if (!['table', 'json'].includes(output)) {
    command.error(`error: Expected -o table or -o json with --scenario, but received ${output}.`);
  }
}

function isGiven(command: Command, name: string): boolean {
  return command.getOptionValueSource(name) === 'cli';
}
