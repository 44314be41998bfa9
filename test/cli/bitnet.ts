import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

/** The compiled command, as npm would link it. */
export const bitnetPath = join(root, 'dist/bin/bitnet.mjs');

/** The model in the package. */
export const storiesPath = join(root, 'models/stories-ternary.gguf');

if (!existsSync(bitnetPath)) {
  throw new Error(`Expected the compiled command at ${bitnetPath}; run "npm run build" first.`);
}

/** Options with which a text repeats its last token for as long as a minute, for tests that interrupt. */
export const endlessText = [
  ...['-n', '-1', '-c', '60000', '--temp', '0', '--repeat-last-n', '1'],
  ...['--presence-penalty', '-100'],
];

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  /** Text for standard input. @default '' */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the command to its end. */
export async function bitnet(args: readonly string[], settings: RunSettings = {}): Promise<Run> {
  const child = start(args, settings.env);
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(settings.input ?? '');
  return finished(child);
}

/** Starts the command; its standard input stays open. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [bitnetPath, ...args], { env: { ...plainEnvironment(), ...env } });
}

/** What a started command had said when it ended. */
export function finished(child: ChildProcessWithoutNullStreams): Promise<Run> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk) => stdout.push(chunk));
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
  });
}

/** The environment without anything that changes what the command says. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter(
    (name) => !/^(BITNET_.*|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)$/.test(name),
  );
  const plain = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  return { ...plain, BITNET_HISTORY: '' }; // tests do not type into anybody's history
}
