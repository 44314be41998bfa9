import { createRequire } from 'node:module';
import process from 'node:process';
import { Command, CommanderError, Option } from 'commander';

/** Lets `--version`, `-v` and `version` print the version and end. */
export function addVersion(program: Command): Command {
  const print = () => {
    process.stdout.write(`${version()}\n`);
  };
  const option = () => {
    print();
    throw new CommanderError(0, 'bitnet.version', '');
  };
  return program
    .option('-v, --version', 'print the version and the instruction set in use')
    .addOption(new Option('-V').hideHelp())
    .on('option:version', option)
    .on('option:V', option)
    .addCommand(new Command('version').action(print), { hidden: true });
}

/** Whether a first argument asks for the version, and so for no command. */
export function isVersion(argument: string | undefined): boolean {
  return /^(-v|-V|--version|version)$/.test(argument ?? '');
}

/** `0.1.0 (avx512vnni)`, or the version alone where the addon cannot be loaded. */
function version(): string {
  const require = createRequire(import.meta.url);
  const { version: number } = require('../../package.json') as { version: string };
  try {
    const { cpuInfo } = require('../lib/native.js') as typeof import('../lib/native.js');
    const best = cpuInfo().kernels.find(({ usable }) => usable);
    return best ? `${number} (${best.isa})` : number;
  } catch {
    return number;
  }
}
