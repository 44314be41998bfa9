import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../bin/commands/index.mjs';
import { bitnet } from './bitnet.js';

const { version } = JSON.parse(readFileSync(resolve(__dirname, '../../package.json'), 'utf8'));

describe('bitnet', () => {
  test('--version prints the version and the instruction set', async () => {
    const { code, stdout } = await bitnet(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${version.replaceAll('.', '\\.')} \\(\\w+\\)\n$`));
    expect((await bitnet(['-V'])).stdout).toBe(stdout);
  });

  test('--help lists the commands, run --help the options with their defaults', async () => {
    const all = await bitnet(['--help']);
    expect(all.code).toBe(0);
    expect(all.stdout).toMatch(/^ {2}run .*\n(.*\n)*^ {2}inspect /m);
    const run = await bitnet(['run', '--help']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/--max-tokens <count> .*\n?.*\(default:\s+512\)/);
    expect(run.stdout).toContain('BITNET_THREADS');
    for (const line of run.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('without a command shows the help on stderr and exits with 2', async () => {
    const { code, stdout, stderr } = await bitnet([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: bitnet /);
  });

  test('suggests the command that was meant', async () => {
    expect(await bitnet(['rnu'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        "error: unknown command 'rnu' (Did you mean run?)\nusage: bitnet [options] [command]\nbitnet --help lists the options.\n",
    });
  });
});

describe('docs/cli', () => {
  const docs = resolve(__dirname, '../../docs');
  const page = (name: string) => readFileSync(resolve(docs, `cli/${name}.md`), 'utf8');
  const options = commands().flatMap((command) =>
    command.options.map((option) => [command.name(), option.flags, option] as const),
  );

  test.each(commands().map((command) => command.name()))('lists bitnet %s', (command) => {
    expect(readFileSync(resolve(docs, 'cli.md'), 'utf8')).toContain(`(cli/${command}.md)`);
    expect(page(command)).toMatch(new RegExp(`^# bitnet ${command}\n`));
  });

  test.each(options)('has bitnet %s %s', (command, _, option) => {
    const text = page(command);
    for (const flag of [option.short, option.long]) if (flag) expect(text).toContain(`\`${flag}`);
    if (option.envVar) expect(text).toContain(option.envVar);
    const fallback = [option.defaultValue].flat();
    if (!fallback.length || fallback.some((value) => typeof value !== 'number')) return;
    const row = text
      .split('\n')
      .find((line) => line.startsWith('|') && line.includes(option.long!));
    expect(row).toContain(` | ${fallback.join()} | `);
  });
});

describe('colours', () => {
  const plain = ['run', '-p', 'x', '-n', '1'];
  const csi = '\x1b[';

  test('are off when stderr is no terminal', async () => {
    expect((await bitnet(plain)).stderr).not.toContain(csi);
  });

  test('are on with FORCE_COLOR, unless NO_COLOR or --no-color say otherwise', async () => {
    const env = { FORCE_COLOR: '1' };
    const { stderr } = await bitnet(plain, { env });
    expect(stderr.startsWith(`${csi}2mprompt 2 tokens`)).toBe(true);
    expect(stderr.endsWith(`${csi}0m\n`)).toBe(true);
    expect((await bitnet([...plain, '--no-color'], { env })).stderr).not.toContain(csi);
    const both = { ...env, NO_COLOR: '1', NODE_NO_WARNINGS: '1' };
    expect((await bitnet(plain, { env: both })).stderr).not.toContain(csi);
    const wrong = await bitnet(['run', '--tmep'], { env });
    expect(wrong.stderr.startsWith(`${csi}31merror:${csi}0m unknown option`)).toBe(true);
  });
});
