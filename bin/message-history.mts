import { constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { homeFolder, variable } from '../lib/environment.js';
import { BitnetError } from '../lib/errors.js';
import { appendNamed, isOwn, openNamed } from '../lib/files/own.js';
import { replaceText } from '../lib/files/replace-file.js';
import { type FileKind, unwritable, writableTarget } from '../lib/files/target.js';

/** Messages that are remembered. */
const most = 500;

/** Bytes of the longest message that is written to the file, and of the file, roughly. */
const longestEntry = 2 ** 16;
const longestFile = 2 ** 22;

/** A JSON string a line. */
const historyFile: FileKind = {
  name: 'a history of chats',
  headBytes: 1,
  matches: (head) => head.toString() === '"',
};

/** What a person has typed, in this chat and in earlier ones. */
export class MessageHistory {
  /** The last first. */
  readonly entries: string[];
  readonly #path: string | undefined;
  readonly #warn: (text: string) => void;

  private constructor(entries: string[], path: string | undefined, warn: (text: string) => void) {
    this.entries = entries;
    this.#path = path;
    this.#warn = warn;
  }

  /** With what a file keeps of it; one that cannot be used is warned of, and left alone. */
  static async open(warn: (text: string) => void): Promise<MessageHistory> {
    const path = historyPath();
    if (path === undefined) return new MessageHistory([], undefined, warn);
    try {
      const links = variable('BITNET_HISTORY') !== undefined; // then a person has named the file
      if (!links) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const target = await writableTarget(path, { kind: historyFile, links, remedy: 'remove it' });
      const entries = target.there ? await readEntries(target.path) : [];
      return new MessageHistory(entries, target.path, warn);
    } catch (error) {
      warn(`What you type is not remembered for other chats: ${sentence(error, path)}`);
      return new MessageHistory([], undefined, warn);
    }
  }

  /** Remembers a message, unless it is the same as the one before. */
  async add(entry: string): Promise<void> {
    if (entry.trim() === '' || entry === this.entries[0]) return;
    this.entries.unshift(entry);
    this.entries.length = Math.min(this.entries.length, most);
    const line = `${JSON.stringify(entry)}\n`;
    if (this.#path === undefined || line.length > longestEntry) return;
    const path = this.#path;
    await appendNamed(path, line, 0o600).catch((error) => {
      this.#warn(`What you type could not be remembered: ${sentence(error, path)}`);
    });
  }
}

function sentence(error: unknown, path: string): string {
  const { message } = error instanceof BitnetError ? error : unwritable(path, error as Error);
  return message;
}

/** Where the history is kept; `BITNET_HISTORY` may move it and, empty, keeps none. */
function historyPath(): string | undefined {
  const { BITNET_HISTORY: own } = process.env;
  if (own !== undefined) return own === '' || own === '/dev/null' ? undefined : resolve(own);
  const folder = stateFolder();
  return folder && join(folder, 'bitnet', 'history');
}

/** The folder in which programs keep what they did. */
function stateFolder(): string | undefined {
  const xdg = variable('XDG_STATE_HOME');
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  const local = process.platform === 'win32' ? variable('LOCALAPPDATA') : undefined;
  if (local !== undefined) return local;
  const home = homeFolder();
  if (home === undefined) return undefined;
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support');
  return process.platform === 'win32'
    ? join(home, 'AppData', 'Local')
    : join(home, '.local', 'state');
}

/** The entries of a file, the last first; one that has become long is written anew. */
async function readEntries(path: string): Promise<string[]> {
  const handle = await openNamed(path, constants.O_RDWR, isOwn);
  let text: string;
  let begin: number;
  try {
    await handle.chmod(0o600).catch(() => {}); // FAT has no permissions
    const { size } = await handle.stat();
    begin = Math.max(size - longestFile, 0);
    const bytes = Buffer.alloc(size - begin);
    await handle.read(bytes, 0, bytes.length, begin);
    text = bytes.toString();
  } finally {
    await handle.close();
  }
  const lines = text.split('\n').slice(begin > 0 ? 1 : 0, -1);
  const entries = lines.flatMap(parsed).slice(-most);
  if (begin > 0 || lines.length > 2 * most) {
    const kept = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    await replaceText(path, { kind: historyFile, mode: 0o600 }, kept);
  }
  return entries.reverse();
}

/** The entry of a line; none where another program has written. */
function parsed(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'string' ? [entry] : [];
  } catch {
    return [];
  }
}
