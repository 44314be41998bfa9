import type { Command } from 'commander';
import { integer } from '../arguments.mjs';
import { addEngineOptions, contextOption, kvTypeOption } from '../model-options.mjs';

/** What `perplexity` and `compare` take: the text, its windows, and how models are run and results printed. */
export function addWindowOptions(command: Command, whose: string): Command {
  command
    .option('-f, --file <file>', 'file with the text; default or -: stdin')
    .addOption(contextOption(`default: ${whose}, at most 512; 0: no limit`, 3))
    .option(
      '--stride <tokens>',
      'score every token, in windows this far apart',
      integer(1, 2 ** 24),
    )
    .option(
      '--chunks <count>',
      'evaluate at most this many chunks or windows',
      integer(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--parse-special', 'read special tokens in the text')
    .addOption(kvTypeOption());
  return addEngineOptions(command)
    .option('--json', 'one JSON object')
    .option('--quiet', 'print only the result and errors')
    .option('--no-color', 'no color');
}
