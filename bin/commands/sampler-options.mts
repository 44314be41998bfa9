import { type Command, InvalidArgumentError, Option } from 'commander';
import { type SamplerName, samplerNames } from '../../lib/generate/samplers.js';
import type { GenerateOptions } from '../../lib/index.js';
import { decimal, integer, names, repeated } from '../arguments.mjs';

/** Samplers that are off unless asked for, biases, and what is said about probabilities. */
export interface SamplerOptions {
  topNSigma: number;
  typicalP: number;
  xtcProbability: number;
  xtcThreshold: number;
  dryMultiplier: number;
  dryBase: number;
  dryAllowedLength: number;
  dryPenaltyLastN: number;
  drySequenceBreaker?: string[];
  samplers?: SamplerName[];
  logitBias?: [number, number | false][];
  minTokens?: number;
  ignoreEnd?: boolean;
  logprobs?: number;
  logprobsFrom?: 'model' | 'sampler';
}

const most = 2 ** 31 - 1;

export function samplerOptions(command: Command): void {
  command
    .option(
      '--top-n-sigma <number>',
      'drop those so many deviations below; 0: off',
      decimal(0, 100),
      0,
    )
    .option('--typical-p <number>', 'choose among the typical; 1: off', decimal(0, 1), 1)
    .option('--xtc-probability <number>', 'how often top choices go; 0: off', decimal(0, 1), 0)
    .option('--xtc-threshold <number>', 'from where on they are such', decimal(0, 1), 0.1)
    .option('--dry-multiplier <number>', 'penalty for repeated sequences', decimal(0, 100), 0)
    .option('--dry-base <number>', 'how it grows with their length', decimal(1, 100), 1.75)
    .option('--dry-allowed-length <count>', 'from which length on', integer(0, most), 2)
    .option('--dry-penalty-last-n <count>', 'tokens it looks at; -1: all', integer(-1, most), -1)
    .option('--dry-sequence-breaker <text>', 'none reaches over this; repeatable', repeated)
    .option('--samplers <names>', 'which ones work, in this order', samplerList)
    .option('--logit-bias <id=bias>', 'raise, lower or forbid (false) a token', biases)
    .option('--min-tokens <count>', 'tokens before the text may end', integer(0, most))
    .option('--ignore-end', 'go on where the model ends the text')
    .option('--logprobs <count>', 'with --json: probabilities of so many tokens', integer(0, 1000))
    .addOption(
      new Option('--logprobs-from <which>', 'before or after sampling').choices([
        'model',
        'sampler',
      ]),
    );
}

/** As the library takes them. */
export function samplerSettings(options: SamplerOptions): GenerateOptions {
  const { topNSigma, typicalP, xtcProbability, xtcThreshold } = options;
  const { dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN } = options;
  const { drySequenceBreaker: drySequenceBreakers, samplers, logitBias } = options;
  const { minTokens, ignoreEnd, logprobs, logprobsFrom } = options;
  return {
    ...{ topNSigma, typicalP, xtcProbability, xtcThreshold },
    ...{ dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN, drySequenceBreakers },
    ...{ samplers, logitBias, minTokens, ignoreEnd, logprobs, logprobsFrom },
  };
}

/** Log-probabilities are for machines to read. */
export function checkLogprobs(
  { logprobs, json }: SamplerOptions & { readonly json?: boolean },
  command: Command,
): void {
  if (logprobs === undefined || json) return;
  command.error('error: Expected --json with --logprobs, which is where they are written.');
}

/** Names with commas between them, or semicolons as llama.cpp has them. */
function samplerList(text: string): SamplerName[] {
  return names(samplerNames)(text.replaceAll(';', ','));
}

/** `15043=2.5`, `15043=false`, or `15043+2.5` as llama.cpp has it. */
function biases(
  text: string,
  previous: readonly [number, number | false][] = [],
): [number, number | false][] {
  const [, id, sign, bias] = /^(\d+)(=|(?=[+-]))(.+)$/.exec(text.trim()) ?? [];
  const forbids = sign === '=' && bias === 'false';
  const number = forbids || bias === undefined ? 0 : Number(bias);
  if (id === undefined || !Number.isFinite(number)) {
    throw new InvalidArgumentError('Expected <id>=<number> or <id>=false, such as 15043=-2.5.');
  }
  return [...previous, [Number(id), forbids ? false : number]];
}
