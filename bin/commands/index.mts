import type { Command } from 'commander';
import { benchCommand } from './bench.mjs';
import { chatCommand } from './chat.mjs';
import { compareCommand } from './compare.mjs';
import { completionCommand } from './completion.mjs';
import { convertCommand } from './convert.mjs';
import { detokenizeCommand } from './detokenize.mjs';
import { doctorCommand } from './doctor.mjs';
import { embedCommand } from './embed.mjs';
import { evalCommand } from './eval.mjs';
import { inspectCommand } from './inspect.mjs';
import { listCommand } from './list.mjs';
import { mergeCommand } from './merge.mjs';
import { perplexityCommand } from './perplexity.mjs';
import { pullCommand } from './pull.mjs';
import { quantizeCommand } from './quantize.mjs';
import { rmCommand } from './rm.mjs';
import { runCommand } from './run.mjs';
import { splitCommand } from './split.mjs';
import { synthCommand } from './synth.mjs';
import { tokenizeCommand } from './tokenize.mjs';

/** Every command, in the order in which --help lists them; docs/cli has a page for each. */
export function commands(): Command[] {
  return [
    runCommand(),
    chatCommand(),
    tokenizeCommand(),
    detokenizeCommand(),
    embedCommand(),
    inspectCommand(),
    perplexityCommand(),
    compareCommand(),
    evalCommand(),
    benchCommand(),
    doctorCommand(),
    pullCommand(),
    listCommand(),
    rmCommand(),
    convertCommand(),
    quantizeCommand(),
    splitCommand(),
    mergeCommand(),
    synthCommand(),
    completionCommand(),
  ];
}
