import process from 'node:process';
import { largestOf } from '../lib/extremes.js';

/** The one that may be empty on purpose: then no history is kept. */
const historyVariable = 'BITNET_HISTORY';

/** The environment variables that are read, and what they mean: listed by `--help`, the man page and the docs. */
export const environment: readonly (readonly [name: string, about: string])[] = [
  ['BITNET_MODEL', 'the model, if none is given'],
  ['BITNET_THREADS', 'as -t'],
  ['BITNET_KERNEL', 'as --kernel'],
  ['BITNET_CACHE', 'folder for pulled and prepared models and kernel timings'],
  ['XDG_CACHE_HOME', 'folder for caches, unless BITNET_CACHE is set'],
  [historyVariable, 'chat history file; empty: no history'],
  ['HF_ENDPOINT', 'the hub, or a mirror of it'],
  ['HF_TOKEN', 'access token for gated and private models'],
  ['HF_TOKEN_PATH', 'file with the token'],
  ['HF_HOME', 'folder with the token in a file named token'],
  ['HTTP_PROXY', 'proxy for pull, for plain http'],
  ['HTTPS_PROXY', 'proxy for pull'],
  ['NO_PROXY', 'hosts to reach without a proxy'],
  ['NO_COLOR', 'no color'],
  ['FORCE_COLOR', 'color even without a terminal'],
];

/** An empty variable counts as unset, for libraries that read the environment too. */
export function forgetEmptyVariables(): void {
  for (const [name] of environment) {
    if (process.env[name] === '' && name !== historyVariable) delete process.env[name];
  }
}

/** The variables as a part of `--help`. */
export function environmentHelp(): string {
  const width = largestOf(environment.map(([name]) => name.length));
  const lines = environment.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`);
  return ['', 'Environment (an empty variable counts as unset):', ...lines].join('\n');
}
