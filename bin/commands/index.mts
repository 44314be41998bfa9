import type { Command } from 'commander';

/** Every command: its names, and how to load it. */
const loaders: readonly (readonly [names: readonly string[], load: () => Promise<Command>])[] = [
  [['run'], async () => (await import('./run.mjs')).runCommand()],
  [['chat'], async () => (await import('./chat.mjs')).chatCommand()],
  [['tokenize'], async () => (await import('./tokenize.mjs')).tokenizeCommand()],
  [['detokenize'], async () => (await import('./detokenize.mjs')).detokenizeCommand()],
  [['embed'], async () => (await import('./embed.mjs')).embedCommand()],
  [['inspect', 'show'], async () => (await import('./inspect.mjs')).inspectCommand()],
  [['perplexity'], async () => (await import('./perplexity.mjs')).perplexityCommand()],
  [['compare'], async () => (await import('./compare.mjs')).compareCommand()],
  [['eval'], async () => (await import('./eval.mjs')).evalCommand()],
  [['bench'], async () => (await import('./bench.mjs')).benchCommand()],
  [['doctor'], async () => (await import('./doctor.mjs')).doctorCommand()],
  [['prepare'], async () => (await import('./prepare.mjs')).prepareCommand()],
  [['pull'], async () => (await import('./pull.mjs')).pullCommand()],
  [['list', 'ls'], async () => (await import('./list.mjs')).listCommand()],
  [['rm', 'remove'], async () => (await import('./rm.mjs')).rmCommand()],
  [['convert'], async () => (await import('./convert.mjs')).convertCommand()],
  [['quantize'], async () => (await import('./quantize.mjs')).quantizeCommand()],
  [['split'], async () => (await import('./split.mjs')).splitCommand()],
  [['merge'], async () => (await import('./merge.mjs')).mergeCommand()],
  [['synth'], async () => (await import('./synth.mjs')).synthCommand()],
  [['completion'], async () => (await import('./completion.mjs')).completionCommand()],
];

/**
 * The command of this name alone, so that it starts without loading the others; where there is none, every command, in the order in
 * which --help lists them. docs/cli has a page for each.
 */
export function commands(name?: string): Promise<Command[]> {
  const named = loaders.filter(([names]) => name !== undefined && names.includes(name));
  return Promise.all((named.length > 0 ? named : loaders).map(([, load]) => load()));
}
