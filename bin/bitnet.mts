#!/usr/bin/env node
import { createRequire } from 'node:module';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { commands } from './commands/index.mjs';
import { exitCodeOfInterrupt } from './interrupt.mjs';
import { resolveModels } from './model-argument.mjs';
import { Output, watchStreams } from './output.mjs';
import { Terminal } from './terminal.mjs';

const exitCodes = { done: 0, failed: 1, usage: 2 };

const program = new Command('bitnet')
  .description('Run 1.58-bit (ternary) language models on this CPU.')
  .option('-V, --version', 'print the version and the instruction set in use');
for (const command of commands()) program.addCommand(command);

/** The command whose arguments are being read: its usage goes with a complaint about them. */
let active = program;
program.hook('preSubcommand', (_, subcommand) => {
  active = subcommand;
});
// Whatever command takes a model takes the name of a pulled one.
program.hook('preAction', (_, command) => resolveModels(command));
program.on('option:version', () => {
  process.stdout.write(`${version()}\n`);
  throw new CommanderError(exitCodes.done, 'bitnet.version', '');
});
for (const command of [program, ...program.commands]) {
  // Complaints are printed once, in report(), where their form (text or JSON) is known.
  command.exitOverride().configureOutput({ outputError: () => {} });
}

watchStreams();
process.once('beforeExit', reportIdle);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
}
process.off('beforeExit', reportIdle);

/** Nothing is left to wait for, but the command waits: Node would end with 13 and without a word. */
async function reportIdle(): Promise<void> {
  const message =
    'Expected the command to come to its end, but what it was waiting for is gone; please report this.';
  process.exit(await report(Object.assign(new Error(message), { code: 'ERR_BITNET_INTERNAL' })));
}

/** Says what went wrong and returns the exit code. */
async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done; // --help
  if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
  const { exitCode, code, message } = diagnose(error);
  const interrupted = code === 'ERR_BITNET_ABORTED';
  if (process.argv.includes('--json')) {
    const partial = interrupted ? partialResult(error as object) : {};
    await new Output().json({ error: { code, message }, ...partial });
    return exitCode;
  }
  if (interrupted) return exitCode;
  const terminal = new Terminal({ color: !process.argv.includes('--no-color') });
  terminal.error(message);
  if (exitCode === exitCodes.usage) {
    const name = active === program ? 'bitnet' : `bitnet ${active.name()}`;
    terminal.note(`usage: ${name} ${active.usage()}`);
    terminal.note(`${name} --help lists the options.`);
  }
  return exitCode;
}

function diagnose(error: unknown): { exitCode: number; code: string; message: string } {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    return { exitCode: exitCodes.usage, code: 'ERR_BITNET_USAGE', message };
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BITNET_ABORTED') return { exitCode: exitCodeOfInterrupt(), code, message };
  if (code === 'ERR_BITNET_ARGUMENT') return { exitCode: exitCodes.usage, code, message };
  if (code?.startsWith('ERR_BITNET_')) return { exitCode: exitCodes.failed, code, message };
  return {
    exitCode: exitCodes.failed,
    code: 'ERR_BITNET_INTERNAL',
    message: `bitnet failed in a way it should not; please report this: ${stack ?? message}`,
  };
}

/** What an interrupted generation had written, or a measurement had found. */
function partialResult(error: object): object {
  const { text, ids, usage, timings, seed, result } = error as Record<string, unknown>;
  return { text, ids, usage, timings, seed, result };
}

/** `0.1.0 (avx512vnni)`, or the version alone where the addon cannot be loaded. */
function version(): string {
  const require = createRequire(import.meta.url);
  const { version: number } = require('../../package.json') as { version: string };
  try {
    const { cpuInfo } = require('../lib/index.js') as typeof import('../lib/index.js');
    const best = cpuInfo().kernels.find(({ usable }) => usable);
    return best ? `${number} (${best.isa})` : number;
  } catch {
    return number;
  }
}
