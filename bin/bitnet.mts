#!/usr/bin/env node
import process from 'node:process';
import { CommanderError } from 'commander';
import { forgetEmptyVariables } from './environment.mjs';
import { exitCodeOfInterrupt } from './interrupt.mjs';
import { isGiven } from './llama-names.mjs';
import { resolveModels } from './model-argument.mjs';
import { Output, watchStreams } from './output.mjs';
import { bitnetProgram } from './program.mjs';
import { Terminal } from './terminal.mjs';
import { usageMessage } from './usage-hint.mjs';

const exitCodes = { done: 0, failed: 1, usage: 2 };

const program = await bitnetProgram(process.argv[2]);

/** The command whose arguments are being read: its usage goes with a complaint about them. */
let active = program;
program.hook('preSubcommand', (_, subcommand) => {
  active = subcommand;
});
// Whatever command takes a model takes the name of a pulled one.
program.hook('preAction', (_, command) => resolveModels(command));
for (const command of [program, ...program.commands]) {
  // Complaints are printed once, in report(), where their form (text or JSON) is known.
  command
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => {} });
}

forgetEmptyVariables();
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
    'Expected the command to finish, but what it was waiting for is gone; please report this.';
  process.exit(await report(Object.assign(new Error(message), { code: 'ERR_BITNET_INTERNAL' })));
}

/** Says what went wrong and returns the exit code. */
async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done; // --help
  if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
  const { exitCode, code, message } = diagnose(error);
  const interrupted = code === 'ERR_BITNET_ABORTED';
  if (isGiven(/^--json(-lines)?$/, active, process.argv.slice(2))) {
    const partial = interrupted ? partialResult(error as object) : {};
    await new Output().json({ error: { code, message }, ...partial });
    return exitCode;
  }
  if (interrupted) return exitCode;
  const terminal = new Terminal({ color: !isGiven(/^--no-color$/, active, process.argv.slice(2)) });
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
    const message = usageMessage(error, active);
    return { exitCode: exitCodes.usage, code: 'ERR_BITNET_USAGE', message };
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BITNET_ABORTED') return { exitCode: exitCodeOfInterrupt(), code, message };
  if (code === 'ERR_BITNET_ARGUMENT') return { exitCode: exitCodes.usage, code, message };
  if (code?.startsWith('ERR_BITNET_'))
    return { exitCode: exitCodes.failed, code, message: message + variableOf(error as object) };
  return {
    exitCode: exitCodes.failed,
    code: 'ERR_BITNET_INTERNAL',
    message: `bitnet failed in a way it should not; please report this: ${stack ?? message}`,
  };
}

/** Says that the environment named the model: the command line does not show it. */
function variableOf({ path }: { readonly path?: unknown }): string {
  const { BITNET_MODEL } = process.env;
  const unnamed = active.getOptionValueSource('model') === 'env';
  const named = path !== undefined && path === BITNET_MODEL && !active.args.includes(BITNET_MODEL);
  return unnamed && named ? ' The name is from BITNET_MODEL.' : '';
}

/** What an interrupted generation had written, or a measurement had found. */
function partialResult(error: object): object {
  const { text, ids, usage, timings, seed, result } = error as Record<string, unknown>;
  return { text, ids, usage, timings, seed, result };
}
