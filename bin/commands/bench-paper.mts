import process from 'node:process';
import type { Command } from 'commander';
import type { PaperReport } from '../../bench/paper/report.js';
import type { ShapeName } from '../../bench/synth/shapes.js';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { columnsOf, Terminal } from '../terminal.mjs';
import { duration } from './bench-duration.mjs';
import { checkPagePath, writeReport } from './bench-html.mjs';
import { paperRecords } from './bench-paper-records.mjs';
import { paperLines, paperMarkdownLines } from './bench-paper-view.mjs';
import { csvOf } from './bench-records.mjs';
import { cutShort } from './measure.mjs';

/** The options of bench that --paper accepts. */
export interface PaperCommandOptions {
  shape?: ShapeName[];
  memory?: number;
  minutes?: number;
  threads?: number[];
  kernel?: string[];
  autotune: boolean;
  output: 'table' | 'md' | 'csv' | 'json' | 'jsonl';
  html?: string;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const allowed = new Set([
  ...['paper', 'shape', 'memory', 'minutes', 'threads', 'kernel', 'autotune'],
  ...['output', 'html', 'force', 'json', 'quiet', 'color'],
]);

/** `bitnet bench --paper`: the tables of the papers on this machine. */
export async function benchPaperCommand(
  paths: readonly string[],
  options: PaperCommandOptions,
  command: Command,
): Promise<void> {
  refuseOthers(paths, options, command);
  await checkPagePath(options);
  const signal = interruptSignal(); // also while what measures is loaded
  const { benchPaper } = await import('../../bench/paper/paper.js');
  const { shape: sizes, memory, minutes, threads, kernel, autotune } = options;
  const { json } = options;
  const form = json ? 'json' : options.output;
  const terminal = new Terminal(options);
  const spinner = terminal.spinner('Measuring');
  let size = '';
  let report: PaperReport;
  try {
    report = await benchPaper({
      ...{ sizes, memory, minutes, threads: threads?.[0], kernel: kernel?.[0], autotune },
      command: ['bitnet', ...process.argv.slice(2)].join(' '),
      signal,
      onProgress: ({ size: next, step, fraction, secondsLeft }) => {
        const left = `${Math.floor(100 * fraction)} %, about ${duration(secondsLeft)} left`;
        spinner.update(`${next}: ${step} (${left})`);
        // Where no spinner turns, a line for each size.
        if (next !== size && !process.stderr.isTTY) terminal.note(`measuring ${next} (${left})`);
        size = next;
      },
    });
  } catch (error) {
    spinner.stop();
    return cutShort(error, { json, terminal }, (soFar: PaperReport) => writePaper(soFar, form));
  } finally {
    spinner.stop();
  }
  await writeReport(options, report, terminal, () => writePaper(report, form));
  for (const warning of report.warnings) terminal.warn(warning);
  for (const sentence of report.timeBox.cut) terminal.warn(`Left out: ${sentence}`);
}

function refuseOthers(
  paths: readonly string[],
  { threads = [], kernel = [] }: PaperCommandOptions,
  command: Command,
): void {
  const others = command.options.filter((option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === 'cli' && !allowed.has(name);
  });
  if (paths.length > 0 || others.length > 0) {
    const [other = 'a model'] = others.map(({ long }) => long);
    command.error(`error: Expected --paper without ${other}: it decides what is measured.`);
  }
  if (threads.length > 1 || kernel.length > 1) {
    command.error('error: Expected one number of threads and one kernel with --paper.');
  }
}

/** A paper's report on standard output. */
export async function writePaper(
  report: PaperReport,
  form: PaperCommandOptions['output'],
): Promise<void> {
  const output = new Output();
  const { date, machine, build, command } = report;
  const views = {
    table: () => paperLines(report, columnsOf(process.stdout)),
    md: () => paperMarkdownLines(report),
    csv: () => {
      const { cpu } = machine;
      const common = { date, cpu, version: build.version, compiler: build.compiler };
      return csvOf(paperRecords(report).map((record) => ({ ...common, ...record })));
    },
    jsonl: () =>
      paperRecords(report).map((record) =>
        JSON.stringify({ date, machine, build, command, ...record }),
      ),
  };
  if (form === 'json') await output.json(report);
  else await output.lines(views[form]());
}
