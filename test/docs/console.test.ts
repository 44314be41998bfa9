import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bitnetPath, storiesPath } from '../cli/bitnet.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Command, consoleBlocks } from './console-blocks.js';
import { masked, matches } from './masked.js';

// Every console block of README.md and docs is run in a shell; what it prints is what stands there,
// but for figures and what depends on the machine. BITNET_UPDATE_DOCS=1 writes what it prints now.

const root = resolve(__dirname, '../..');
const temp = tempFolder();
const update = Boolean(process.env.BITNET_UPDATE_DOCS);

/** Commands that are not run, by what they need. */
const notRun: readonly [pattern: RegExp, reason: string][] = [
  [/\bbitnet pull\b/, 'the network'],
  [/\b(2b4t|1\.3b|3b)\b|--paper/, 'minutes, and a model of a gigabyte'],
  [
    /quanti[sz]ed-on-arm|tl1\.gguf|tiny-q8_0|arc_easy|hellaswag/,
    'files that are not in the package',
  ],
  [
    /^bitnet (tokenize|detokenize) model\.gguf|What is a ternary weight/,
    'the tokenizer of Llama 3',
  ],
  [/<Tab>|completion bash/, 'a terminal'],
  [/--assume-watts/, 'half a minute, and prints nothing but figures'],
];

const files = ['docs', 'docs/cli'].flatMap((place) =>
  readdirSync(join(root, place)).map((name) => `${place}/${name}`),
);

const pages = ['README.md', ...files.filter((name) => name.endsWith('.md'))]
  .map((file) => ({ file, blocks: consoleBlocks(readFileSync(join(root, file), 'utf8')) }))
  .filter(({ blocks }) => blocks.length > 0);

describe.each(pages)('$file', ({ file, blocks }) => {
  const folder = temp(file.replaceAll('/', '-'));

  beforeAll(() => makeWorkplace(folder));

  for (const block of blocks) {
    for (const command of block.commands) {
      const reason = notRun.find(([pattern]) => pattern.test(command.text))?.[1];
      // In order: a command may use what those before it have made.
      it.skipIf(reason !== undefined)(`prints what it says: ${command.text}`, () => {
        const printed = atHome(run(folder, command.text), folder);
        if (update) rewrite(file, command, printed);
        else expect(printed.map(masked)).toSatisfy((lines: string[]) => matches(lines, command));
      });
    }
  }
});

/** A folder with what the examples name, and `bitnet` and `npx bitnet` in its PATH. */
function makeWorkplace(folder: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const story =
    'Once upon a time, there was a little dog named Spot. One day, he saw a big red ball.\n';
  for (const name of ['story.txt', 'stories.txt', 'report.txt']) {
    writeFileSync(join(folder, name), story.repeat(60));
  }
  writeFileSync(join(folder, 'text.txt'), 'Once upon');
  writeFileSync(join(folder, 'sentences.txt'), 'The cat sat.\nA dog ran home.\n');
  const template = '{% for message in messages %}{{ message.content }} {% endfor %}';
  for (const name of ['own.jinja', 'turns.jinja']) writeFileSync(join(folder, name), template);
  for (const name of ['model.gguf', 'stories-ternary.gguf']) {
    copyFileSync(storiesPath, join(folder, name));
  }
  mkdirSync(join(folder, 'test/golden'), { recursive: true });
  symlinkSync(join(root, 'test/golden/graphs'), join(folder, 'test/golden/graphs'));
  mkdirSync(join(folder, 'cache/models/owner/repo'), { recursive: true });
  copyFileSync(storiesPath, join(folder, 'cache/models/owner/repo/stories.gguf'));
  const script = (name: string, text: string) => {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  };
  script('bitnet', `exec "${process.execPath}" "${bitnetPath}" "$@"`);
  script('npx', 'shift; exec bitnet "$@"');
}

/** The lines that a command prints to either stream. */
function run(folder: string, command: string): string[] {
  const { stdout } = spawnSync('bash', ['-c', `exec 2>&1; ${command}`], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
      BITNET_CACHE: join(folder, 'cache'),
      BITNET_HISTORY: '',
      BITNET_THREADS: '2',
    },
  });
  return stdout.replace(/\n$/, '').split('\n');
}

/** As on a reader's machine. */
function atHome(lines: readonly string[], folder: string): string[] {
  return lines.map((line) =>
    line
      .replaceAll(root, '/home/me/bitnet')
      .replaceAll(join(folder, 'cache'), '/home/me/.cache/bitnet')
      .replaceAll(folder, '/home/me'),
  );
}

function rewrite(file: string, { text, output }: Command, printed: readonly string[]): void {
  if (output.length === 0 || output.some((line) => line === '…')) return;
  const path = join(root, file);
  const old = readFileSync(path, 'utf8');
  const heading = old.split('\n').find((line) => line.startsWith(`$ `) && line.includes(text))!;
  const block = `${heading}\n${output.join('\n')}`;
  writeFileSync(
    path,
    old.replace(block, () => `${heading}\n${printed.join('\n')}`),
  );
}
