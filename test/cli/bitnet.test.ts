import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../bin/commands/index.mjs';
import { environment } from '../../bin/environment.mjs';
import { bitnet, storiesPath } from './bitnet.js';

const { version } = JSON.parse(readFileSync(resolve(__dirname, '../../package.json'), 'utf8'));

describe('bitnet', () => {
  test('--version prints the version and the instruction set', async () => {
    const { code, stdout } = await bitnet(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${version.replaceAll('.', '\\.')} \\(\\w+\\)\n$`));
    for (const other of ['-v', '-V', 'version'])
      expect((await bitnet([other])).stdout).toBe(stdout);
  });

  test('--help lists the commands, run --help the options with their defaults', async () => {
    const all = await bitnet(['--help']);
    expect(all.code).toBe(0);
    expect(all.stdout).toMatch(/^ {2}run .*\n(.*\n)*^ {2}inspect\|show /m);
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

  test.each([
    ['benchmark', "unknown command 'benchmark' (Did you mean bench?)"],
    ['perp', "unknown command 'perp' (Did you mean perplexity?)"],
    ['model.gguf', `unknown command 'model.gguf' (Did you mean bitnet run "model.gguf"?)`],
    ['Once upon', `unknown command 'Once upon' (Did you mean bitnet run "Once upon"?)`],
    ['remov', "unknown command 'remov' (Did you mean remove?)"],
    ['serve', "unknown command 'serve'"],
    ['ps', "unknown command 'ps'"],
    ['-p', `unknown option '-p'; options follow a command, as in "bitnet run -p Hello"`],
  ])('says what %s may have been meant to be', async (argument, message) => {
    const { code, stderr } = await bitnet([argument, 'x']);
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said: `error: ${message}` });
  });

  test.each([
    ['--temprature', '--temperature'], // the other name of --temp
    ['--max-token', '--max-tokens'],
  ])('says what the option %s may have been meant to be', async (option, meant) => {
    const { code, stderr } = await bitnet(['run', option, '1']);
    const said = `error: unknown option '${option}' (Did you mean ${meant}?)`;
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said });
  });

  test.each([
    ['--version', "unknown option '--version' (Did you mean bitnet --version?)"],
    ['--sesion', "unknown option '--sesion' (Did you mean --session?)"],
    ['--no-autotun', "unknown option '--no-autotun' (Did you mean --no-autotune?)"],
    ['--stream', "unknown option '--stream'"],
  ])('says what run %s may have been meant to be', async (option, message) => {
    const { code, stderr } = await bitnet(['run', '-p', 'x', option]);
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said: `error: ${message}` });
  });

  test.each([
    ['-cxy', '-c xy'],
    ['-ctx', '--ctx-size'], // of llama.cpp
    ['-seed', '--seed'],
    ['-temp', '--temperature'],
    ['-pHello', '-p Hello'],
    ['-epx', '-ep x'],
  ])('reads %s not as an option and its value', async (option, meant) => {
    const { code, stderr } = await bitnet(['run', option, '5']);
    const said = `error: unknown option '${option}' (Did you mean ${meant}?)`;
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said });
  });

  test('takes a number right behind the letter of an option', async () => {
    const args = ['run', '-p', 'Once', '-n1', '-c0', '-s-1', '--temp', '0'];
    expect(await bitnet(args)).toMatchObject({ code: 0, stdout: ' upon\n' });
  });

  test('help shows the help of a command, and says when there is no such command', async () => {
    expect(await bitnet(['help', 'ls'])).toEqual(await bitnet(['list', '--help']));
    expect(await bitnet(['help'])).toEqual(await bitnet(['--help']));
    expect((await bitnet(['--help'])).stdout).toMatch(/^ {2}help \[command\] /m);
    for (const [name, hint] of [
      ['nosuch', ''],
      ['rnu', ' (Did you mean run?)'],
    ] as const) {
      const { code, stdout, stderr } = await bitnet(['help', name]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr.split('\n')[0]).toBe(`error: unknown command '${name}'${hint}`);
    }
  });

  test('fails in JSON where --json is an option, not where it is the value of one', async () => {
    const said = async (...args: string[]) => {
      const { stdout, stderr } = await bitnet(['run', '-m', 'nope.gguf', ...args]);
      return [stdout, stderr].map((text) => text.slice(0, 9));
    };
    const [text, json] = [
      ['', 'error: Ex'],
      ['{"error":', ''],
    ];
    expect(await said('-p', '--json')).toEqual(text);
    expect(await said('-sys', '--json', '-p', 'x')).toEqual(text); // of llama.cpp
    expect(await said('--', '--json')).toEqual(text);
    expect(await said('-p', 'x', '--json')).toEqual(json);
    expect(await said('--temp', 'x', '--json')).toEqual(json); // behind what is wrong
    const colored = await bitnet(['run', '-m', 'no', '-p', '--no-color'], {
      env: { FORCE_COLOR: '1' },
    });
    expect(colored.stderr).toContain('\x1b[31merror:');
  });

  test('looks at BITNET_MODEL only where no other model is named', async () => {
    const env = { BITNET_CACHE: '/nowhere', BITNET_MODEL: 'bitnet-2b' }; // which is not pulled
    const code = async (...args: string[]) => (await bitnet(args, { env })).code;
    expect(await code('tokenize', '-p', 'x')).toBe(1);
    expect(await code('tokenize', storiesPath, 'x')).toBe(0);
    expect(await code('tokenize', '-m', storiesPath, 'x')).toBe(0);
    expect(await code('detokenize', storiesPath, '5')).toBe(0);
    expect(await code('detokenize', '5')).toBe(1);
    expect(await code('inspect', storiesPath)).toBe(0);
    expect(await code('inspect')).toBe(1);
  });

  test('names the variable that has a wrong value', async () => {
    const said = async (name: string, value: string) =>
      (await bitnet(['run', '-p', 'x'], { env: { [name]: value } })).stderr.split('\n')[0];
    expect(await said('BITNET_MODEL', 'nope.gguf')).toBe(
      'error: Expected a model file at "nope.gguf", but there is none; check the path. The name is from BITNET_MODEL.',
    );
    expect(await said('BITNET_KERNEL', 'nope')).toMatch(
      /but received "nope" \(--kernel, kernel, BITNET_KERNEL\), which is not the name of a kernel/,
    );
    expect(await said('BITNET_THREADS', 'nope')).toContain("from env 'BITNET_THREADS' is invalid");
  });

  test('has the aliases people try', async () => {
    const { stdout } = await bitnet(['inspect']);
    expect((await bitnet(['show'])).stdout).toBe(stdout);
    const env = { BITNET_CACHE: '/nowhere' };
    expect(await bitnet(['ls'], { env })).toEqual(await bitnet(['list'], { env }));
    expect((await bitnet(['remove', 'x'], { env })).stderr).toMatch(/no "x"; none was pulled yet/);
  });

  test('counts empty variables as unset', async () => {
    const env = Object.fromEntries(environment.map(([name]) => [name, '']));
    const args = ['run', '-p', 'Once', '-n', '1', '--temp', '0'];
    const { code, stdout, stderr } = await bitnet(args, { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: ' upon\n' });
    expect(stderr).not.toContain('\x1b');
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

describe('docs/cli', async () => {
  const docs = resolve(__dirname, '../../docs');
  const page = (name: string) => readFileSync(resolve(docs, `cli/${name}.md`), 'utf8');
  const all = await commands();
  const options = all.flatMap((command) =>
    command.options
      .filter(({ hidden }) => !hidden) // old names, still taken
      .map((option) => [command.name(), option.flags, option] as const),
  );

  test.each(all.map((command) => command.name()))('lists bitnet %s', (command) => {
    expect(readFileSync(resolve(docs, 'cli.md'), 'utf8')).toContain(`(cli/${command}.md)`);
    expect(page(command)).toMatch(new RegExp(`^# bitnet ${command}\n`));
  });

  test('has the variables of the environment, as --help has', async () => {
    const { stdout } = await bitnet(['--help']);
    const text = readFileSync(resolve(docs, 'cli.md'), 'utf8');
    for (const [name] of environment) {
      expect(stdout).toContain(`  ${name} `);
      expect(text).toContain(`\`${name}\``);
    }
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
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

describe('colors', () => {
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
