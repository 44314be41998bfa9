import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { homeFolder } from '../../lib/environment.js';
import { escaped } from '../escape.mjs';
import { settingNames } from './chat-settings.mjs';

/** Names that are offered at most. */
const most = 200;

/**
 * How a line that begins with a slash may go on: commands, settings, and paths. In others Tab is a tab.
 * @param names of the commands
 * @returns the candidates, and the part of the line that they replace
 */
export function completions(typed: string, names: readonly string[]): [string[], string] {
  if (/^\/\S*$/.test(typed))
    return [
      beginning(
        typed,
        names.map((name) => `/${name} `),
      ),
      typed,
    ];
  const setting = /^\/set (\S*)$/.exec(typed)?.[1];
  if (setting !== undefined) {
    return [
      beginning(
        setting,
        ['system', ...settingNames].map((name) => `${name} `),
      ),
      setting,
    ];
  }
  if (!typed.startsWith('/')) return [[`${typed}\t`], typed]; // in a message a tab is a tab
  const path = /^\/(?:read|save|load) +(.*)$/.exec(typed)?.[1];
  return path === undefined ? [[], typed] : [paths(path), path];
}

/** A path as typed: `~` is the home folder, and quotes around it are dropped. */
export function typedPath(text: string): string {
  const path = /^(["']).+\1$/.test(text) ? text.slice(1, -1) : text;
  const home = homeFolder();
  return home !== undefined && /^~($|\/)/.test(path) ? join(home, path.slice(1)) : path;
}

function beginning(typed: string, candidates: readonly string[]): string[] {
  return candidates.filter((candidate) => candidate.startsWith(typed));
}

function paths(typed: string): string[] {
  const folder = typed.endsWith('/') || typed === '' ? typed : dirname(typed);
  const begin = typed.endsWith('/') || typed === '' ? '' : basename(typed);
  const written = typed.slice(0, typed.length - begin.length);
  try {
    return readdirSync(typedPath(folder) || '.', { withFileTypes: true })
      .filter(({ name }) => name.startsWith(begin) && (begin !== '' || !name.startsWith('.')))
      .filter(({ name }) => escaped(name) === name)
      .slice(0, most)
      .map((entry) => `${written}${entry.name}${entry.isDirectory() ? '/' : ''}`);
  } catch {
    return []; // no such folder
  }
}
