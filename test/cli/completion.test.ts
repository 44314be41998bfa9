import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commands } from '../../bin/commands/index.mjs';
import { candidates } from '../../bin/completion.mjs';
import { bitnetProgram } from '../../bin/program.mjs';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, bitnetPath, plainEnvironment } from './bitnet.js';

const file = tempFolder();

/** The candidates without what they are about. */
const words = async (...typed: string[]) =>
  (await candidates(await bitnetProgram(), typed)).map((line) => line.split('\t')[0]);

afterEach(() => vi.unstubAllEnvs());

describe('completion', () => {
  test('and every start know a command by each of its names alone', async () => {
    const all = await commands();
    for (const command of all)
      for (const name of [command.name(), ...command.aliases()])
        expect((await commands(name)).map((one) => one.name())).toEqual([command.name()]);
    expect((await commands('nosuch')).length).toBe(all.length);
  });

  test('knows every command and every option that --help shows', async () => {
    const program = await bitnetProgram();
    const help = program.createHelp();
    for (const command of help.visibleCommands(program)) {
      expect(await words('')).toContain(command.name());
      if (command.name() === 'help') continue;
      const flags = await words(command.name(), '-');
      for (const { short, long } of help.visibleOptions(command)) {
        for (const flag of [short, long]) if (flag) expect(flags).toContain(flag);
      }
    }
    expect(await words('ru')).toEqual(['run']);
    expect(await words('show', '--sp')).toEqual(['--sparsity']);
    expect(await candidates(program, ['run', '--top-k'])).toEqual([
      '--top-k\tchoose among the most likely; 0: all',
    ]);
  });

  test('gives the choices of an option, however it is joined with its value', async () => {
    expect(await words('synth', '--format', 't')).toEqual(['tq1_0', 'tq2_0']);
    expect(await words('synth', '--format=t')).toEqual(['--format=tq1_0', '--format=tq2_0']);
    expect(await words('synth', '--format', '=', 't')).toEqual(['tq1_0', 'tq2_0']);
    expect(await words('run', '--threads', '')).toEqual([]);
    expect(await words('completion', 'f')).toEqual(['fish']);
  });

  test('gives pulled models and files where these may stand', async () => {
    vi.stubEnv('BITNET_CACHE', file('cache'));
    mkdirSync(file('cache/models/o/r'), { recursive: true });
    writeFileSync(file('cache/models/o/r/m.gguf'), '');
    expect(await words('run', 'o')).toEqual(['o/r/m.gguf', ':']);
    expect(await words('chat', '-t', '2', '')).toEqual(['o/r/m.gguf', ':']);
    expect(await words('bench', 'a', 'b', '--model', '')).toEqual(['o/r/m.gguf', ':']);
    expect(await words('rm', 'x', '')).toEqual(['o/r/m.gguf']);
    expect(await words('run', '-f', '')).toEqual([':']);
    expect(await words('list', '')).toEqual([]);
    expect(await words('pull', 'bonsai-1')).toEqual(['bonsai-1.7b']);
  });

  test('refuses a shell it does not know', async () => {
    const { code, stderr } = await bitnet(['completion', 'tcsh']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: .* Allowed choices are bash, zsh, fish\./);
  });
});

const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

/** What a shell prints that runs `script` where `bitnet` is this one. */
function shell(name: string, args: readonly string[], script: string): string {
  const bin = file('bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(`${bin}/bitnet`, `#!/bin/sh\nexec "${process.execPath}" "${bitnetPath}" "$@"\n`);
  chmodSync(`${bin}/bitnet`, 0o755);
  writeFileSync(file('a file.gguf'), '');
  const env = { ...plainEnvironment(), PATH: `${bin}:${process.env.PATH}` };
  const { stdout } = spawnSync(name, [...args, '-c', script], {
    env,
    cwd: file('.'),
    encoding: 'utf8',
  });
  return stdout;
}

describe('the script', () => {
  test.runIf(has('bash'))('completes in bash', async () => {
    const ask = (line: string) =>
      `COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _bitnet bitnet; printf '%s|' "\${COMPREPLY[@]}"; echo;`;
    const script = `eval "$(bitnet completion bash)"; ${ask('bitnet ru')} ${ask('bitnet synth --format = t')} ${ask('bitnet run a')}`;
    expect(shell('bash', ['--norc'], script)).toBe('run|\ntq1_0|tq2_0|\na file.gguf|\n');
  });

  test.runIf(has('fish'))('completes in fish', async () => {
    const script = `bitnet completion fish | source; complete -C 'bitnet ru'; complete -C 'bitnet synth --format=t'; complete -C 'bitnet run a'`;
    expect(shell('fish', ['--no-config'], script)).toBe(
      'run\tGenerate text with a model.\n--format=tq1_0\n--format=tq2_0\na file.gguf\n',
    );
  });

  test.runIf(has('zsh'))('is read by zsh', async () => {
    const script = `compdef() { echo "$@"; }; eval "$(bitnet completion zsh)"; whence -w _bitnet`;
    expect(shell('zsh', ['-f'], script)).toBe('_bitnet bitnet\n_bitnet: function\n');
  });
});
