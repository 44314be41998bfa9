import { Command } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import { largestOf } from '../../lib/extremes.js';
import type { PulledModel } from '../../lib/index.js';
import { escaped } from '../escape.mjs';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';

interface ListOptions {
  json?: boolean;
}

/** `bitnet list`: the models that were pulled. */
export function listCommand(): Command {
  return new Command('list')
    .alias('ls')
    .description('List downloaded models.')
    .option('--json', 'one JSON object')
    .action(list);
}

async function list(options: ListOptions): Promise<void> {
  const { listModels, storeFolder } = await import('../../lib/pull/store.js');
  const models = await listModels();
  const output = new Output();
  if (options.json) return output.json({ folder: storeFolder() ?? null, models });
  if (models.length > 0) return output.lines(table(models));
  new Terminal(options).note(
    'No models yet: bitnet pull bitnet-2b gets one, bitnet pull --list names others.',
  );
}

function table(models: readonly PulledModel[]): string[] {
  const width = (texts: readonly string[]) => largestOf(texts.map((text) => text.length));
  const names = models.map(({ name }) => escaped(name));
  const sizes = models.map((model) => bytes(model.bytes));
  const [nameWidth, sizeWidth] = [width(names), width(sizes)];
  return models.map(({ pulled, complete }, i) => {
    const columns = [names[i]!.padEnd(nameWidth), sizes[i]!.padStart(sizeWidth), day(pulled)];
    return [...columns, ...(complete ? [] : ['incomplete'])].join('  ');
  });
}

/** The day in local time, as `2026-11-24`. */
function day(date: Date): string {
  const two = (count: number) => `${count}`.padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
