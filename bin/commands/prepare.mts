import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { bytes } from '../../lib/byte-size.js';
import { BitnetError } from '../../lib/errors.js';
import { largestOf } from '../../lib/extremes.js';
import type { PreparedEntry } from '../../lib/model/prepared/prepared-folder.js';
import { escaped } from '../escape.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { theModel } from '../model-argument.mjs';
import {
  addEngineOptions,
  type EngineOptions,
  loadOptions,
  modelOption,
} from '../model-options.mjs';
import { Output } from '../output.mjs';
import { Progress } from '../progress.mjs';
import { Terminal } from '../terminal.mjs';

interface PrepareOptions extends EngineOptions {
  model?: string;
  list?: boolean;
  remove?: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

/** `bitnet prepare`: packed weights on the disk, so that a model starts faster. */
export function prepareCommand(): Command {
  const command = new Command('prepare')
    .description('Keep a model packed on disk, so that it starts faster.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addOption(modelOption())
    .option('--list', 'list what is kept')
    .addOption(
      new Option('--remove', 'delete what is kept, of this model or of all').conflicts('list'),
    );
  return addEngineOptions(command)
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(prepare);
}

async function prepare(
  argument: string | undefined,
  options: PrepareOptions,
  command: Command,
): Promise<void> {
  const terminal = new Terminal(options);
  const path = await theModel(argument, command);
  if (options.list) return list(options, terminal);
  if (options.remove) return remove(path, options, terminal);
  const { loadModel } = await import('../../lib/model/load/load.js');
  const { embeddedModelPath } = await import('../../lib/model/load/embedded.js');
  const signal = interruptSignal();
  const progress = new Progress(terminal, 'Preparing');
  const onProgress = (fraction: number) =>
    progress.show(fraction < 1 ? `Preparing ${Math.floor(100 * fraction)} %` : 'Writing');
  const model = await loadModel(path, {
    ...loadOptions(options),
    ...{ prepare: true, signal, onProgress },
  }).finally(() => progress.stop());
  model.close();
  const { prepared, decisions } = model;
  if (!prepared) {
    const { reason } = decisions.findLast(({ subject }) => subject === 'prepared weights')!;
    const name = JSON.stringify(path ?? embeddedModelPath);
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected to keep the packed weights of ${name}, but ${reason}.`,
    );
  }
  const what = prepared.made ? 'Prepared' : 'Already prepared';
  terminal.note(`${what}: ${bytes(prepared.bytes)} in ${prepared.path}`);
  if (options.json) await new Output().json({ prepared });
}

async function list(options: PrepareOptions, terminal: Terminal): Promise<void> {
  const { folder, entries } = await kept();
  const output = new Output();
  if (options.json) return output.json({ folder: folder ?? null, prepared: entries });
  if (entries.length > 0) return output.lines(table(entries));
  terminal.note('Nothing is prepared yet: bitnet prepare model.gguf keeps a model packed.');
}

async function remove(
  path: string | undefined,
  options: PrepareOptions,
  terminal: Terminal,
): Promise<void> {
  const { removePrepared } = await import('../../lib/model/prepared/prepared-folder.js');
  const { entries } = await kept();
  const removed = entries.filter(({ model }) => path === undefined || model === resolve(path));
  for (const entry of removed) {
    await removePrepared(entry.path);
    terminal.note(`Removed: ${bytes(entry.bytes)} of ${entry.model}`);
  }
  if (removed.length === 0) terminal.note('There was nothing to remove.');
  if (options.json) await new Output().json({ removed });
}

async function kept() {
  const { preparedFolder, preparedIn } = await import(
    '../../lib/model/prepared/prepared-folder.js'
  );
  const folder = preparedFolder();
  return { folder, entries: folder === undefined ? [] : await preparedIn(folder) };
}

function table(entries: readonly PreparedEntry[]): string[] {
  const names = entries.map(({ model }) => escaped(model));
  const sizes = entries.map((entry) => bytes(entry.bytes));
  const width = (texts: readonly string[]) => largestOf(texts.map((text) => text.length));
  const [nameWidth, sizeWidth] = [width(names), width(sizes)];
  return entries.map(({ used }, i) => {
    const day = used.toLocaleDateString('sv'); // 2026-11-30
    return [names[i]!.padEnd(nameWidth), sizes[i]!.padStart(sizeWidth), day].join('  ');
  });
}
