import { Command } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import type { PulledModel } from '../../lib/index.js';
import { Output } from '../output.mjs';
import { Terminal } from '../terminal.mjs';

interface RmOptions {
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

/** `bitnet rm`: remove pulled models, and nothing else. */
export function rmCommand(): Command {
  return new Command('rm')
    .alias('remove')
    .description('Delete downloaded models.')
    .argument('<name...>', 'names from bitnet list, or the end of one')
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(remove);
}

async function remove(names: readonly string[], options: RmOptions): Promise<void> {
  const { removeModel } = await import('../../lib/pull/store.js');
  const terminal = new Terminal(options);
  const removed: PulledModel[] = [];
  for (const name of names) {
    const model = await removeModel(name);
    removed.push(model);
    terminal.note(`Removed ${model.name}: ${bytes(model.bytes)}`);
  }
  if (options.json) await new Output().json({ removed });
}
