import process from 'node:process';
import { Command } from 'commander';
import type { Check } from '../../lib/doctor/check.js';
import { escaped } from '../escape.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { theModel } from '../model-argument.mjs';
import {
  addFileOptions,
  type FileOptions,
  fileOptionNames,
  fileOverrides,
  kernelOption,
  modelOption,
} from '../model-options.mjs';
import { Output } from '../output.mjs';
import { columnsOf, Terminal, wantsColor } from '../terminal.mjs';
import { wrapped } from '../word-wrap.mjs';

interface DoctorCommandOptions extends FileOptions {
  kernel?: string;
  golden?: string;
  json?: boolean;
  color: boolean;
}

const examples = `
Exit codes: 0 if nothing fails, 1 if something does.`;

/** `bitnet doctor`: checks whether everything works here, and says what to do if not. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('Check this machine, this installation and a model.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addHelpText('after', examples)
    .addOption(modelOption())
    .addOption(kernelOption());
  return addFileOptions(command)
    .option('--golden <folder>', 'compare the models of a folder with their expected logits')
    .option('--json', 'one JSON object')
    .option('--no-color', 'no color')
    .action(examine);
}

async function examine(
  argument: string | undefined,
  options: DoctorCommandOptions,
  command: Command,
): Promise<void> {
  const colored = wantsColor(process.stdout, options.color);
  if (options.golden !== undefined) {
    if (argument !== undefined || command.getOptionValueSource('model') === 'cli') {
      command.error('error: Expected a folder with --golden or a model, but received both.');
    }
    const given = fileOptionNames.find((name) => command.getOptionValueSource(name) === 'cli');
    if (given !== undefined) {
      const { long } = command.options.find((option) => option.attributeName() === given)!;
      command.error(
        `error: Expected no ${long} with --golden, whose models are read as their files say; leave it out.`,
      );
    }
    const { examineGolden } = await import('./doctor-golden.mjs');
    return examineGolden(options.golden, options, colored ? paint : undefined);
  }
  const { doctor } = await import('../../lib/doctor/doctor.js');
  const { kernel, json } = options;
  const output = new Output();
  const spinner = new Terminal(options).spinner('Checking');
  const checks: Check[] = [];
  try {
    const signal = interruptSignal();
    for await (const check of doctor(await theModel(argument, command), {
      ...fileOverrides(options),
      kernel,
      signal,
    })) {
      checks.push(check);
      if (!json) await output.lines(checkLines(check), colored ? paint : undefined);
    }
  } finally {
    spinner.stop();
  }
  const count = (status: Check['status']) =>
    checks.filter((check) => check.status === status).length;
  const failed = count('fail');
  if (json) await output.json({ ok: failed === 0, checks });
  else {
    const warnings = count('warn') === 1 ? '1 warning' : `${count('warn')} warnings`;
    await output.lines(['', `${count('ok')} ok, ${warnings}, ${failed} failed`]);
  }
  if (failed > 0) process.exitCode = 1;
}

const colors = { ok: '32', warn: '33', unsupported: '33', fail: '31' };

/** Colors the word that a check's first line begins with. */
function paint(line: string): string {
  return line.replace(
    /^(ok|warn|unsupported|fail)(?= )/,
    (word) => `\x1b[${colors[word as keyof typeof colors]}m${word}\x1b[0m`,
  );
}

function checkLines({ subject, status, message, remedy }: Check): string[] {
  const head = `${status.padEnd(4)}  ${subject.padEnd(9)}  `;
  const texts = [
    [head, message],
    ...(remedy === null ? [] : [[' '.repeat(17), `to do: ${remedy}`]]),
  ];
  const columns = columnsOf(process.stdout);
  return texts.flatMap(([before, text]) => wrapped(escaped(text!), columns, before).split('\n'));
}
