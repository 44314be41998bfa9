import process from 'node:process';
import type { GoldenCheck } from '../../lib/doctor/golden.js';
import { largestOf } from '../../lib/extremes.js';
import { escaped } from '../escape.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { Output } from '../output.mjs';
import { columnsOf, Terminal } from '../terminal.mjs';
import { wrapped } from '../word-wrap.mjs';

interface GoldenCommandOptions {
  kernel?: string;
  json?: boolean;
}

/** `bitnet doctor --golden`: every model of a folder beside its expected logits. */
export async function examineGolden(
  path: string,
  options: GoldenCommandOptions,
  paint: ((line: string) => string) | undefined,
): Promise<void> {
  const { openGolden } = await import('../../lib/doctor/golden-files.js');
  const { goldenChecks } = await import('../../lib/doctor/golden.js');
  const { kernel, json } = options;
  const output = new Output();
  const spinner = new Terminal(options).spinner('Checking');
  const checks: GoldenCheck[] = [];
  try {
    const folder = await openGolden(path);
    const row = rows(largestOf(folder.models.map((name) => escaped(name).length)));
    if (!json) await output.lines([row.head]);
    for await (const check of goldenChecks(folder, { kernel, signal: interruptSignal() })) {
      checks.push(check);
      if (!json) await output.lines(row.of(check), paint);
    }
  } finally {
    spinner.stop();
  }
  const count = (status: GoldenCheck['status']) =>
    checks.filter((check) => check.status === status).length;
  const failed = count('fail');
  if (json) await output.json({ ok: failed === 0, checks });
  else {
    const counts = `${count('ok')} ok, ${count('unsupported')} not supported, ${failed} failed`;
    await output.lines(['', counts]);
  }
  if (failed > 0) process.exitCode = 1;
}

const statusWidth = 'unsupported'.length;

/** Lines of the table, whose first column has the given width. */
function rows(width: number) {
  const line = (status: string, model: string, rms: string, median: string, logits: string) =>
    [
      ...[status.padEnd(statusWidth), model.padEnd(width)],
      ...[rms.padEnd(7), median.padEnd(7), logits],
    ]
      .join('  ')
      .trimEnd();
  const number = (value: number | null) => value?.toExponential(1) ?? '';
  return {
    head: line('', 'model', 'rms', 'median', 'expected'),
    of: ({ status, model, rms, median, logits, message }: GoldenCheck): string[] => {
      const expected = logits?.replace(/^logits-|\.bin$/g, '') ?? '';
      const first = line(status, escaped(model), number(rms), number(median), escaped(expected));
      if (message === null) return [first];
      const said = wrapped(
        escaped(message),
        columnsOf(process.stdout),
        ' '.repeat(statusWidth + 2),
      );
      return [first, ...said.split('\n')];
    },
  };
}
