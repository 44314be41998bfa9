import process from 'node:process';
import { largestOf } from '../lib/extremes.js';

/** The one that is empty on purpose: nothing is remembered then. */
const historyVariable = 'BITNET_HISTORY';

/** The variables of the environment that mean something, and what: `--help`, the man page and the docs list them. */
export const environment: readonly (readonly [name: string, about: string])[] = [
  ['BITNET_MODEL', 'the model where none is named'],
  ['BITNET_THREADS', 'as -t'],
  ['BITNET_KERNEL', 'as --kernel'],
  ['BITNET_CACHE', 'folder of pulled models and measured kernels'],
  ['XDG_CACHE_HOME', 'folder of caches, where BITNET_CACHE is not set'],
  [historyVariable, 'file of what was typed in chats; empty: none'],
  ['HF_ENDPOINT', 'the hub, or a mirror of it'],
  ['HF_TOKEN', 'token for gated and private models'],
  ['HF_TOKEN_PATH', 'file that holds the token'],
  ['HF_HOME', 'folder in which a file named token holds it'],
  ['HTTP_PROXY', 'proxy of pull for plain http'],
  ['HTTPS_PROXY', 'proxy of pull'],
  ['NO_PROXY', 'hosts that need none'],
  ['NO_COLOR', 'no colours'],
  ['FORCE_COLOR', 'colours also where there is no terminal'],
];

/** A variable that is empty counts as unset, also for the libraries that read the environment by themselves. */
export function forgetEmptyVariables(): void {
  for (const [name] of environment) {
    if (process.env[name] === '' && name !== historyVariable) delete process.env[name];
  }
}

/** The variables as a part of `--help`. */
export function environmentHelp(): string {
  const width = largestOf(environment.map(([name]) => name.length));
  const lines = environment.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`);
  return ['', 'Environment (empty is as good as unset):', ...lines].join('\n');
}
