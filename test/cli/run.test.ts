import { spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bitnetProgram } from '../../bin/program.mjs';
import { cpuInfo, loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import {
  bitnet,
  bitnetPath,
  endlessText,
  finished,
  plainEnvironment,
  start,
  storiesPath,
} from './bitnet.js';

const file = tempFolder();
const once = ['run', '-p', 'Once upon a time', '--temp', '0'];

/** A run that goes on until it is interrupted. */
const endless = ['run', '-p', 'x', '-s', '1', ...endlessText];

describe('bitnet run', () => {
  test('writes the same text twice at temperature 0, and nothing else on stdout', async () => {
    const first = await bitnet([...once, '-n', '64']);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^, there was a .{100,}\n$/s);
    expect((await bitnet([...once, '-n', '64'])).stdout).toBe(first.stdout);
  });

  test('says in one line on stderr how fast it was, on which kernel and threads', async () => {
    const { stderr } = await bitnet([...once, '-n', '8', '-t', '2']);
    expect(stderr).toMatch(
      /^prompt 5 tokens, [\d.]+ tokens\/s; text 8 tokens, [\d.]+ tokens\/s; \S+, 2 threads; cut off by -n\n$/,
    );
  });

  test('writes the same text for a seed on every kernel and thread count', async () => {
    const write = async (...flags: string[]) =>
      (await bitnet(['run', '-p', 'One day', '-n', '30', '-s', '7', ...flags])).stdout;
    const text = await write();
    expect(await write('-t', '1')).toBe(text);
    expect(await write('-t', '3', '--kernel', 'scalar')).toBe(text);
    expect(await write('-s', '8')).not.toBe(text);
  });

  test('prints one JSON object with --json', async () => {
    const { code, stdout, stderr } = await bitnet([...once, '-n', '4', '--json', '-t', '1']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.trimEnd()).not.toContain('\n');
    const plain = await bitnet([...once, '-n', '4']);
    expect(JSON.parse(stdout)).toEqual({
      text: plain.stdout.slice(0, -1),
      ids: [44, 415, 289, 258],
      stopReason: 'length',
      usage: { promptTokens: 5, cachedTokens: 0, completionTokens: 4 },
      timings: {
        prefillMilliseconds: expect.any(Number),
        decodeMilliseconds: expect.any(Number),
        timeToFirstTokenMilliseconds: expect.any(Number),
        promptTokensPerSecond: expect.any(Number),
        tokensPerSecond: expect.any(Number),
      },
      seed: expect.any(Number),
      model: storiesPath,
      kernel: {
        ternary: expect.any(String),
        dense: expect.any(String),
        vector: expect.any(String),
      },
      tuning: [],
      threads: 1,
    });
  });

  test('--json-lines prints pieces as they come and the object of --json last', async () => {
    const args = [...once, '-n', '6', '-s', '1'];
    const { stdout, stderr } = await bitnet([...args, '--json-lines']);
    expect(stderr).toBe('');
    const objects = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const last = objects.pop();
    const whole = JSON.parse((await bitnet([...args, '--json'])).stdout);
    expect(last).toEqual({ ...whole, timings: expect.anything() });
    expect(objects.map(({ text }) => text).join('')).toBe(whole.text);
    expect(objects.flatMap(({ ids }) => ids)).toEqual(whole.ids);
    expect(objects.length).toBeGreaterThan(3);
    const failed = await bitnet(['run', '-p', 'x', '-m', 'nothere.gguf', '--json-lines']);
    expect(JSON.parse(failed.stdout).error.code).toBe('ERR_BITNET_FILE');
  });

  test("takes llama.cpp's names, and says that there is no GPU code", async () => {
    const ours = ['-c', '64', '-n', '5', '--top-k', '0', '-s', '3', '--stop', 'zzz'];
    const theirs = ['--ctx-size', '64', '--n-predict=5', '--top-k', '-1', '-s', '3'];
    const { stdout } = await bitnet(['run', '-p', '-cnv', ...ours]);
    const also = ['--reverse-prompt', 'zzz', '-ngl', '99', '--color', '--no-display-prompt'];
    const run = await bitnet(['run', '-p', '-cnv', ...theirs, ...also, '-t', '1']);
    expect(run).toMatchObject({ code: 0, stdout });
    expect(run.stderr).toMatch(/^-ngl is ignored: there is no GPU code,.*\nprompt /);
    const raw = await bitnet([
      'run',
      '-no-cnv',
      '--predict',
      '5',
      '-p',
      '-cnv',
      '-s',
      '3',
      '--top-k',
      '0',
    ]);
    expect(raw.stdout).toBe(stdout);
    const text = await bitnet(['run', '-n', '1', '-s', '1', '-m', storiesPath, '--', '-ngl', '9']);
    expect(text.stderr).toMatch(/^prompt \d/);
  });

  test('takes what of llama.cpp changes no text, with a line for each', async () => {
    const theirs = {
      '-fa on': 'there is one way in which attention is computed',
      '--flash-attn': 'there is one way in which attention is computed',
      '--no-mmap': 'weights are read into memory, and are not locked there',
      '-b 256': 'how much of a prompt is read at once is decided here',
      '--ubatch-size=256': 'how much of a prompt is read at once is decided here',
      '--jinja': 'chat templates are always rendered as Jinja',
      '-ot exps=CPU': 'there is no GPU code, all layers are computed on this CPU',
    };
    const flags = Object.keys(theirs).flatMap((one) => one.split(' '));
    const args = ['run', '-p', 'Once upon a time', '-n', '3', '--temp', '0', ...flags];
    const { code, stdout, stderr } = await bitnet(args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: ', there was\n' });
    expect(stderr.split('\n')).toEqual([
      ...Object.entries(theirs).map(
        ([flag, why]) => `${flag.split(/[ =]/)[0]} is ignored: ${why}.`,
      ),
      ...[expect.stringMatching(/^prompt /), ''],
    ]);
    expect((await bitnet([...args, '--quiet'])).stderr).toBe('');
  });

  test('takes -ctk and -ctv where they agree, and -r', async () => {
    const args = ['run', '-p', 'Once upon a time', '-n', '20', '--temp', '0', '--verbose'];
    const ours = await bitnet([...args, '--kv-type', 'q8_0', '--stop', ' Lily']);
    const types = ['-ctk', 'q8_0', '--cache-type-v=q8_0', '-r', ' Lily'];
    expect((await bitnet([...args, ...types])).stdout).toBe(ours.stdout);
    expect((await bitnet([...args, '-ctk', 'f16'])).code).toBe(0);
    const one = await bitnet([...args, '-ctk', 'q8_0']);
    expect({ code: one.code, said: one.stderr.split('\n')[0] }).toEqual({
      code: 2,
      said: 'error: Expected one type of keys and values, but received -ctk q8_0 and -ctv f16; give both the same, or --kv-type.',
    });
    const other = await bitnet([...args, '-ctk', 'q4_0', '-ctv', 'q4_0']);
    expect(other.stderr).toMatch(/^error: option '--kv-type <type>' argument 'q4_0' is invalid/);
  });

  test.each([
    [
      ['-hf', 'microsoft/bitnet-b1.58-2B-4T-gguf'],
      `unknown option '-hf'; get the model with "bitnet pull microsoft/bitnet-b1.58-2B-4T-gguf", then name it with -m`,
    ],
    [
      ['-hf'],
      `unknown option '-hf'; get the model with "bitnet pull <owner/repo>", then name it with -m`,
    ],
    [['-st'], `unknown option '-st'; "bitnet run -p <text>" answers once`],
    [['-td', '2'], "unknown option '-td'; --draft <file> is a model that drafts"],
  ])('says what there is instead of %j', async (theirs, message) => {
    const { code, stderr } = await bitnet(['run', '-p', 'Once', ...theirs]);
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said: `error: ${message}` });
  });

  test('leaves alone what a command has itself, or does not compute', async () => {
    const bench = ['bench', '-p', '4', '-n', '0', '-b', '2', '-r', '1', '-fa', '1', '-o', 'json'];
    expect(JSON.parse((await bitnet(bench)).stdout)).toEqual(expect.anything());
    const { code, stderr } = await bitnet(['tokenize', '--mlock', 'a b']);
    expect({ code, said: stderr.split('\n')[0] }).toEqual({
      code: 2,
      said: "error: unknown option '--mlock'",
    });
  });

  test('-c 0 is the trained context, and -n -2 fills it', async () => {
    const { stderr } = await bitnet([...once, '-n', '-2', '-c', '0', '--top-k', '1']);
    expect(stderr).toMatch(/prompt 5 tokens.* text 252 tokens.*; the context is full\n/);
  });

  test('-i is the chat', async () => {
    const { code, stderr } = await bitnet(['run', '-i', '-n', '3'], { input: 'Hello\n/stats\n' });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^remembered .*1 turn$/m);
    const args = ['run', '-i', '-p', '/stats', '-n', '3']; // a prompt is no command
    const first = await bitnet(args, { input: 'Hello\n/stats\n' });
    expect(first.stderr).toMatch(/^written .* in 2 turns$/m);
  });

  test('--logprobs come with --json, after biases, which llama.cpp writes in another way', async () => {
    const args = ['run', '-p', 'Once', '-n', '2', '--temp', '0', '--json', '--logprobs', '2'];
    const { ids, logprobs } = JSON.parse((await bitnet(args)).stdout);
    expect(logprobs.map(({ id }: { id: number }) => id)).toEqual(ids);
    expect(logprobs[0].top[0]).toEqual({ id: ids[0], token: ' upon', logprob: expect.any(Number) });
    const [, next] = logprobs[0].top;
    const biased = await bitnet([...args, `--logit-bias=${ids[0]}=false`, '-l', `${next.id}+50`]);
    expect(JSON.parse(biased.stdout).logprobs[0]).toMatchObject(next);
    const bare = await bitnet(['run', '-p', 'Once', '--logprobs', '2']);
    expect({ code: bare.code, said: bare.stderr.split('\n')[0] }).toEqual({
      code: 2,
      said: 'error: Expected --json with --logprobs, which is where they are written.',
    });
  });

  test('a seed from --json gives the same text again', async () => {
    const args = ['run', '-p', 'One day', '-n', '12', '--json'];
    const first = JSON.parse((await bitnet(args)).stdout);
    const again = JSON.parse((await bitnet([...args, '--seed', String(first.seed)])).stdout);
    expect(again.text).toBe(first.text);
  });

  test('-s -1 is a random seed', async () => {
    const args = ['run', '-p', 'x', '-n', '1', '--json', '-s', '-1'];
    const seeds = await Promise.all([bitnet(args), bitnet(args)]);
    expect(JSON.parse(seeds[0]!.stdout).seed).not.toBe(JSON.parse(seeds[1]!.stdout).seed);
  });

  test('ends before a --stop text, of which there may be several', async () => {
    const flags = ['-n', '64', '--stop', 'nowhere to be seen', '--stop', ' was', '--json'];
    const { stdout } = await bitnet([...once, ...flags]);
    expect(JSON.parse(stdout)).toMatchObject({ text: ', there', stopReason: 'stop' });
  });

  test('-n -1 writes until the context is full or the text ends', async () => {
    const { stdout, stderr } = await bitnet([...once, '-n', '-1', '-c', '20']);
    expect(stdout.length).toBeGreaterThan(10);
    expect(stderr).toContain('text 16 tokens');
    expect(stderr).toContain('; the context is full\n');
  });

  test('--kv-type keeps keys and values as the library does', async () => {
    const model = await loadModel();
    for (const kvType of ['f16', 'q8_0'] as const) {
      const session = model.createSession({ kvType });
      const { text } = await session.complete('Once', { maxTokens: 60, seed: 9, temperature: 2 });
      const options = ['-n', '60', '--temp', '2', '-s', '9', '--kv-type', kvType, '--json'];
      const { stdout } = await bitnet(['run', '-p', 'Once', ...options]);
      expect(JSON.parse(stdout)).toMatchObject({ text });
    }
    model.close();
  });

  test('--quiet leaves stderr empty, --verbose fills it', async () => {
    expect((await bitnet([...once, '-n', '2', '--quiet'])).stderr).toBe('');
    const { stderr } = await bitnet([...once, '-n', '2', '--verbose', '-s', '5']);
    for (const line of [
      /^model {5}\S*stories-ternary.gguf, loaded in \d+ ms$/m,
      /^memory {4}ternary 1.\d MiB.*, norms [\d.]+ KiB/m,
      /^decision {2}activation: relu2, because /m,
      /^sampling {2}temperature 0, top-k 40, top-p 0.95, min-p 0.05, seed 5$/m,
    ]) {
      expect(stderr).toMatch(line);
    }
  });

  test('warns of a context the model was not trained for', async () => {
    const { stderr } = await bitnet([...once, '-n', '1', '-c', '300']);
    expect(stderr).toMatch(
      /^warning: The model was trained for a context of 256; its text gets worse past that.$/m,
    );
  });
});

describe('the prompt', () => {
  const continued = async (args: string[], input?: string | Uint8Array) => {
    const settings = input === undefined ? {} : { input };
    const run = await bitnet(['run', '--temp', '0', '-n', '12', '--json', ...args], settings);
    return JSON.parse(run.stdout);
  };

  test('comes from -p, -f, standard input, -f - or the trailing text', async () => {
    const { text } = await continued(['-p', 'One day, a dog']);
    expect(await continued([], 'One day, a dog\n')).toMatchObject({ text });
    expect(await continued(['-f', '-'], 'One day, a dog')).toMatchObject({ text });
    expect(await continued([storiesPath, 'One', 'day,', 'a dog'])).toMatchObject({ text });
    expect(await continued(['-m', storiesPath, 'One', 'day,', 'a dog'])).toMatchObject({ text });
    writeFileSync(file('prompt.txt'), 'One day, a dog\r\n');
    expect(await continued(['-f', file('prompt.txt')])).toMatchObject({ text });
  });

  test('is followed by what is piped in, on a line of its own', async () => {
    const { text } = await continued(['-p', 'A story:\nOne day']);
    expect(await continued(['-p', 'A story:'], 'One day\n')).toMatchObject({ text });
    writeFileSync(file('story.txt'), 'A story:');
    expect(await continued(['-f', file('story.txt')], 'One day')).toMatchObject({ text });
  });

  test('is the first argument if that has white space in it and is no model', async () => {
    const { text } = await continued(['-p', 'One day, a dog']);
    expect(await continued(['One day,', 'a dog'])).toMatchObject({ text });
    writeFileSync(file('One day.gguf'), '');
    for (const model of [file('One day.gguf'), 'nothere at all.gguf']) {
      const { code, stderr } = await bitnet(['run', model, 'x']);
      expect(code).toBe(1);
      expect(stderr).not.toContain('a model or a text');
    }
    const neither = await bitnet(['run', 'hello']);
    expect(neither.code).toBe(2);
    expect(neither.stderr).toMatch(
      /^error: Expected a model or a text, but "hello" is neither a file, nor a pulled model, nor a text of several words; /,
    );
    const named = await bitnet(['run', 'llama3', 'hi']);
    expect(named.stderr).toMatch(
      /^error: .*bitnet pull --list; for a text, write -p "llama3 hi"\.\n/,
    );
    const both = await bitnet(['run', 'Hello you', '-p', 'x']);
    expect(both.stderr).toMatch(/^error: Expected one prompt, but received "Hello you" besides -p/);
    const model = await bitnet(['run', 'hello', '-p', 'x']);
    expect(model).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/a model file at "hello"/),
    });
  });

  test('has its escapes resolved with -e, and those of --stop and the system message', async () => {
    const { ids } = await continued(['-p', 'One day\nö']);
    expect(await continued(['-e', '-p', 'One day\\n\\xc3\\xb6'])).toMatchObject({ ids });
    const stopped = ['-p', 'One day', '-n', '60', '-e', '--stop', '\\x20'];
    expect(await continued(stopped)).toMatchObject({ stopReason: 'stop' });
  });

  test('takes nothing from a standard input that cannot be read, or with --no-stdin', async () => {
    const { text } = await continued(['-p', 'One day']);
    const args = ['run', '-p', 'One day', '--temp', '0', '-n', '12', '--json'];
    for (const redirection of ['0>/dev/null', '<&-', '</']) {
      const script = `"$0" "$@" ${redirection}`;
      const run = spawnSync('sh', ['-c', script, process.execPath, bitnetPath, ...args], {
        env: plainEnvironment(),
      });
      expect(JSON.parse(String(run.stdout))).toMatchObject({ text });
    }
    const child = start([...args, '--no-stdin']); // whose standard input stays open
    expect(JSON.parse((await finished(child)).stdout)).toMatchObject({ text });
    const nothing = await bitnet(['run', '--no-stdin'], { input: 'One day' });
    expect(nothing.stderr).toMatch(/^error: Expected a prompt: /);
  });

  test('may be empty if that is said', async () => {
    expect(await continued(['-p', ''])).toMatchObject({ usage: { promptTokens: 1 } });
  });

  test('works in a shell pipe', async () => {
    const script = 'echo "One day," | "$0" "$1" run -n 20 | cat';
    const args = ['-c', script, process.execPath, bitnetPath];
    const { status, stdout } = spawnSync('sh', args, { env: plainEnvironment() });
    expect(status).toBe(0);
    expect(stdout.toString().length).toBeGreaterThan(20);
  });

  test('that does not fit the context is one sentence and exit code 1', async () => {
    const { code, stdout, stderr } = await bitnet([...once, '-c', '4']);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: Expected a prompt that fits the context, but it has 5 tokens and there is room for 4; shorten the prompt or use a longer context (-c, contextLength).\n',
    });
  });

  test('with special tokens is text, unless it is --raw', async () => {
    const text = '<|endoftext|>One day';
    expect((await continued(['-p', text])).usage.promptTokens).toBeGreaterThan(5);
    expect((await continued(['-p', text, '--raw'])).usage.promptTokens).toBe(3);
  });

  test.each([
    [
      'a missing file',
      ['-f', 'no such file'],
      '',
      /^Expected the file "no such file" to be readable, but there is none; check the path\.$/,
    ],
    [
      'bytes that are not UTF-8',
      [],
      Uint8Array.of(0x41, 0xff),
      /^Expected the standard input to hold UTF-8 text/,
    ],
    [
      'endless input',
      [],
      'x'.repeat(2 ** 21 + 1),
      /^Expected the standard input to hold at most 2 MiB of text/,
    ],
  ])('%s is an error', async (_, args, input, message) => {
    const { code, stdout } = await bitnet(['run', '--json', ...args], { input });
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toEqual({
      code: 'ERR_BITNET_FILE',
      message: expect.stringMatching(message),
    });
  });

  test('that is awaited for long is asked for on stderr', async () => {
    const child = start(['run', '-p', 'Once', '-n', '1']);
    const asked = new Promise<string>((resolve) => {
      child.stderr.once('data', (chunk) => resolve(String(chunk)));
    });
    const end = finished(child);
    expect(await asked).toBe(
      'Waiting for what follows the prompt (--no-stdin: nothing) on standard input.\n',
    );
    child.stdin.end();
    expect(await end).toMatchObject({ code: 0 });
  });
});

describe('the model', () => {
  test('says when there are far more threads than cores', async () => {
    const { threads } = cpuInfo();
    const many = await bitnet([...once, '-n', '4', '-t', `${2 * threads + 1}`]);
    expect(many.code).toBe(0);
    expect(many.stderr).toMatch(
      new RegExp(`^warning: threads: ${2 * threads + 1}, because .* may use ${threads} core`, 'm'),
    );
    const two = await bitnet([...once, '-n', '4', '-t', `${2 * threads}`]);
    expect([two.stdout, two.stderr.includes('warning')]).toEqual([many.stdout, false]);
  });

  test('is the one that is named, else the one in BITNET_MODEL, else the embedded one', async () => {
    const modelOf = async (args: string[], env = {}) => {
      const run = await bitnet(['run', '-p', 'x', '-n', '1', '--json', ...args], { env });
      return JSON.parse(run.stdout).model;
    };
    copyFileSync(storiesPath, file('copy.gguf'));
    const copy = file('copy.gguf');
    expect(await modelOf([copy])).toBe(copy);
    expect(await modelOf(['-m', copy])).toBe(copy);
    expect(await modelOf([], { BITNET_MODEL: copy })).toBe(copy);
    expect(await modelOf([storiesPath], { BITNET_MODEL: copy })).toBe(storiesPath);
    expect(await modelOf(['-m', storiesPath], { BITNET_MODEL: copy })).toBe(storiesPath);
    expect(await modelOf([], { BITNET_MODEL: '' })).toBe(storiesPath);
  });

  test.each([[[]], [['-p', 'x']]])(
    'that is missing is one sentence and exit code 1 (%j)',
    async (args) => {
      expect(await bitnet(['run', 'nothere.gguf', ...args])).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'error: Expected a model file at "nothere.gguf", but there is none; check the path.\n',
      });
    },
  );

  test('that is missing is an object on stdout with --json', async () => {
    const { code, stdout, stderr } = await bitnet(['run', 'nothere.gguf', '-p', 'x', '--json']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'ERR_BITNET_FILE',
        message: 'Expected a model file at "nothere.gguf", but there is none; check the path.',
      },
    });
  });

  test('gets threads and kernel from the environment too', async () => {
    const env = { BITNET_THREADS: '1', BITNET_KERNEL: 'scalar' };
    const { stdout } = await bitnet(['run', '-p', 'x', '-n', '1', '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ threads: 1, kernel: { ternary: 'mad2-scalar' } });
  });

  test('cannot use a kernel that does not exist', async () => {
    const { code, stderr } = await bitnet(['run', '-p', 'x', '--kernel', 'abacus']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*mad2-scalar.*, but received "abacus" /);
  });
});

describe('wrong usage', () => {
  const usage = `usage: bitnet run [options] [model] [text...]\nbitnet run --help lists the options.\n`;

  test.each<[string[], string]>([
    [['--tmep', '1'], "unknown option '--tmep' (Did you mean --temp?)"],
    [['--sytem', 'x'], "unknown option '--sytem' (Did you mean --system?)"],
    [['-p'], "option '-p, --prompt <text>' argument missing"],
    [[], 'Expected a prompt: -p <text>, -f <file> or text on standard input.'],
    [['m.gguf', 'x', '-p', 'y'], 'Expected one prompt, but received "x" besides -p.'],
    [['-m', 'm.gguf', 'x', 'y', '-f', 'z'], 'Expected one prompt, but received "x y" besides -f.'],
    [
      ['-p', 'x', '-f', 'y'],
      "option '-f, --file <file>' cannot be used with option '-p, --prompt <text>'",
    ],
    [
      ['-p', 'x', '--raw', '--system', 'y'],
      'Expected --raw or a system message, but received both.',
    ],
    [
      ['-p', 'x', '--quiet', '--verbose'],
      "option '--quiet' cannot be used with option '--verbose'",
    ],
    [
      ['-p', 'x', '--system', 'y'],
      'Expected no system message: the model "stories-ternary.gguf" has no chat template, so it only continues text; choose another, or give a template (--chat-template).',
    ],
    [
      ['-p', 'x', '--activation', 'gelu'],
      "option '--activation <name>' argument 'gelu' is invalid. Allowed choices are relu2, silu, gelu_tanh.",
    ],
    [
      ['-p', 'x', '--stop', ''],
      "option '--stop <text>' argument '' is invalid. Expected a text of at least one character.",
    ],
  ])('%j is a sentence with the usage, and exit code 2', async (args, message) => {
    expect(await bitnet(['run', ...args])).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: ${message}\n${usage}`,
    });
  });

  test.each([
    ['-n', 'abc', 'an integer from -2 to 2147483647'],
    ['-n', '1.5', 'an integer from -2 to 2147483647'],
    ['-n', '-3', 'an integer from -2 to 2147483647'],
    ['-n', '', 'an integer from -2 to 2147483647'],
    ['-n', '0x10', 'an integer from -2 to 2147483647'],
    ['-c', '1e99', 'an integer from 1 to 16777216, or 0 for the trained context'],
    ['-c', '-1', 'an integer from 1 to 16777216, or 0 for the trained context'],
    ['-t', '0', 'an integer from 1 to 1024'],
    ['-s', '1e3', 'an integer from -1 to 9007199254740991'],
    ['--temp', '-1', 'a number of at least 0'],
    ['--temp', 'Infinity', 'a number of at least 0'],
    ['--temperature', 'hot', 'a number of at least 0'],
    ['--top-k', '-2', 'an integer from -1 to 2147483647'],
    ['--top-p', '1.1', 'a number from 0 to 1'],
    ['--min-p', '5%', 'a number from 0 to 1'],
    ['--repeat-penalty', '0', 'a number from 0.01 to 100'],
    ['--repeat-last-n', '-2', 'an integer from -1 to 2147483647'],
    ['--presence-penalty', '1e3', 'a number from -100 to 100'],
    ['--frequency-penalty', 'x', 'a number from -100 to 100'],
  ])('%s %s is refused', async (flag, value, expected) => {
    const program = await bitnetProgram('run');
    for (const command of program.commands)
      command.exitOverride().configureOutput({ outputError: () => {} });
    await expect(program.parseAsync(['run', flag, value], { from: 'user' })).rejects.toThrow(
      `argument '${value}' is invalid. Expected ${expected}.`,
    );
  });

  test('in the environment is refused too', async () => {
    const { code, stderr } = await bitnet(['run', '-p', 'x'], { env: { BITNET_THREADS: 'many' } });
    expect(code).toBe(2);
    expect(stderr).toContain(
      "value 'many' from env 'BITNET_THREADS' is invalid. Expected an integer",
    );
  });

  test('is an object on stdout with --json', async () => {
    const { code, stdout, stderr } = await bitnet(['run', '--json', '--tmep', '1']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'ERR_BITNET_USAGE',
        message: "unknown option '--tmep' (Did you mean --temp?)",
      },
    });
  });
});

describe('an interrupted run', () => {
  test('ends the line, says how far it came and exits with 130', async () => {
    const child = start(endless);
    child.stdin.end();
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stdout, stderr } = await finished(child);
    expect(code).toBe(130);
    expect(stdout).toMatch(/\n$/);
    // One token has no rate.
    expect(stderr).toMatch(
      /^warning: .*\nprompt 2 tokens, .*; text (1 token|\d+ tokens, [\d.]+ tokens\/s); .*; interrupted\n$/,
    );
  });

  test('prints what there was with --json', async () => {
    // Nothing is said before the end, so that it began can only be guessed.
    for (const milliseconds of [1000, 4000, 10_000]) {
      const child = start([...endless, '--json', '--verbose']);
      child.stdin.end();
      const end = finished(child);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      child.kill('SIGINT');
      const { code, stdout } = await end;
      if (code === null) continue; // it had not even begun to listen
      expect(code).toBe(130);
      const { error, text, ids, usage, seed } = JSON.parse(stdout);
      expect(error.code).toBe('ERR_BITNET_ABORTED');
      if (!ids?.length) continue;
      expect(error.message).toMatch(/^The generation was aborted after \d+ tokens?\.$/);
      expect(text.length).toBeGreaterThan(0);
      expect(ids).toHaveLength(usage.completionTokens);
      expect(seed).toBe(1);
      return;
    }
    throw new Error('the generation did not begin within ten seconds');
  });

  test('need not have its prompt yet', async () => {
    const child = start(['run', '-n', '1']);
    const end = finished(child);
    child.stderr.once('data', () => child.kill('SIGINT')); // it says that it waits
    expect(await end).toMatchObject({ code: 130, stdout: '' });
  });
});

describe('a reader that goes away', () => {
  test('ends the run quietly', async () => {
    const child = start(endless);
    child.stdin.end();
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^warning: .*\n$/) });
  });

  test('is no failure of --help either', async () => {
    const child = start(['run', '--help']);
    const end = finished(child);
    child.stdout.destroy();
    expect(await end).toMatchObject({ code: 0, stderr: '' });
  });

  test('such as head does not see more than it asked for', () => {
    const script = '"$@" </dev/null 2>err.txt | head -c 20; wc -c <err.txt';
    const args = ['-c', script, 'sh', process.execPath, bitnetPath, ...endless, '--quiet'];
    const env = plainEnvironment();
    const { stdout } = spawnSync('sh', args, { cwd: file('.'), env, timeout: 240_000 });
    expect(stdout.subarray(20).toString().trim()).toBe('0');
  });
});
