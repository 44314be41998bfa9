import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet, endlessText, finished, start } from './bitnet.js';

const file = tempFolder();
const path = file('chat.gguf');
const template =
  "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

beforeAll(async () => {
  const model = tinyModel({ contextLength: 512 });
  model.metadata.set('tokenizer.chat_template', { type: 'string', value: template });
  await model.write(path);
});

const chat = ['chat', path, '-n', '8', '--seed', '1'];
const say = (input: string, ...args: string[]) => bitnet([...chat, ...args], { input });

/** What --json says, a line each. */
const turns = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('bitnet chat, piped', () => {
  test('answers a line each, and evaluates what is new in it alone', async () => {
    const { code, stdout, stderr } = await say('Hi\n\nBye', '--verbose');
    expect(code).toBe(0);
    expect(stdout).not.toContain('> ');
    const lines = stderr.split('\n').filter((line) => line.startsWith('prompt '));
    expect(lines).toHaveLength(2);
    const [first, second] = lines.map(
      (line) =>
        /^prompt (\d+) new tokens, (\d+) kept, .*; text (\d+) tokens?, .*cut off by -n$/.exec(
          line,
        )!,
    );
    expect(first!.slice(1)).toEqual(['19', '0', '8']);
    // 19 and 7 evaluated answer tokens are kept; the 8th, "\nuser: Bye\nassistant: " are new.
    expect(second!.slice(1)).toEqual(['22', '26', '8']);
  });

  test('gives one JSON object a turn, also for what goes wrong', async () => {
    const { code, stdout, stderr } = await say(`Hi\n${'x'.repeat(600)}\nBye\n`, '--json');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [first, wrong, last] = turns(stdout);
    expect(first).toEqual({
      text: expect.any(String),
      ids: expect.any(Array),
      stopReason: 'length',
      usage: { promptTokens: 19, cachedTokens: 0, completionTokens: 8 },
      timings: expect.any(Object),
      seed: 1,
      keptTokens: 0,
      droppedTurns: 0,
    });
    expect(wrong.error.code).toBe('ERR_BITNET_CONTEXT');
    expect(last).toMatchObject({ keptTokens: 26, droppedTurns: 0 });
  });

  test('says on stderr what it has forgotten', async () => {
    const input = Array.from({ length: 6 }, (_, i) => `This is turn ${i}.`).join('\n');
    const { stderr } = await say(input, '-c', '160');
    expect(stderr).toMatch(
      /warning: The context was full: the oldest (turn was|\d turns were) forgotten/,
    );
  });

  test('does what commands say', async () => {
    const input = [
      ...['Hi', '/regen', '/stats', '/save chat.session', '/clear', '/stats', '/load chat.session'],
      ...['/help', '/hlep', '/wrong', '/save', '/bye now', '/stats', '/exit', 'never'],
    ].join('\n');
    const { code, stdout, stderr } = await bitnet([...chat, '--verbose'], {
      input: input.replaceAll('chat.session', file('chat.session')),
    });
    expect(code).toBe(1); // some commands were wrong
    expect(stdout).not.toContain('never');
    expect(stderr).toMatch(/prompt 1 new token, 18 kept/);
    expect(stderr).toMatch(
      /Saved 26 tokens\.\nThe conversation was cleared\.\nremembered {2}0 turns\ncontext {5}0 of 512/,
    );
    expect(stderr).toMatch(/Loaded 1 turn\./);
    expect(stderr).toMatch(/\/regen +another answer/);
    expect(stderr).toContain('received "/hlep"; did you mean /help?');
    expect(stderr).toContain('received "/wrong"; /help lists them.');
    expect(stderr).toContain('Expected /save <file>, but received "/save".');
    expect(stderr).toContain('Expected no argument after /bye, but received "now".');
    expect(stderr).toMatch(
      /remembered {2}1 turn\ncontext {5}26 of 512 tokens[^\n]*\n[^\n]*\n[^\n]*\nlast turn {3}prompt 1 new token, 18 kept, [^\n]*\n$/,
    );
  });

  test('says how fast it was only when it is asked, and always what cut an answer off', async () => {
    const { stderr } = await say('Hi');
    expect(stderr).toBe('Cut off after 8 tokens (-n).\n');
  });

  test('changes settings and the system message, and reads files', async () => {
    writeFileSync(file('notes.txt'), 'Some notes.\n');
    const commands = ['/set temp 0', '/set parameter num_predict 3', '/system "Be kind."'];
    const input = [...commands, `/read ${file('notes.txt')}`, 'Hi', 'Hi', '/exit'].join('\n');
    const [first, second] = turns((await say(input, '--json')).stdout);
    const plain = ['-n', '3', '--temp', '0', '--system', 'Be kind.', '--json'];
    const notes = '"""Some notes.\n\nHi"""\nHi';
    const expected = turns((await bitnet(['chat', path, ...plain], { input: notes })).stdout);
    expect([first.ids, second.ids]).toEqual(expected.map(({ ids }) => ids));
  });

  test('drops what was read for a message that fails, and says so', async () => {
    writeFileSync(file('long.txt'), 'word '.repeat(400));
    const input = [`/read ${file('long.txt')}`, 'Hi', 'Hi', '/stats'].join('\n');
    const { code, stdout, stderr } = await say(input, '-c', '64', '-n', '1');
    expect(code).toBe(1);
    expect(stdout.trim()).not.toBe('');
    expect(stderr).toMatch(
      /^Read 2000 characters; the file goes in front of your next message\.\nerror: Expected a turn [^\n]* 64 tokens, but the turn alone has \d+ tokens;[^\n]*\nWhat was read with \/read was dropped with the message\.\nCut off after 1 token \(-n\)\.\nremembered {2}1 turn\n/,
    );
    expect(stderr).toMatch(/^written {5}1 token in 1 turn$/m);
  });

  test('refuses settings that are not, and values that cannot be', async () => {
    const input =
      '/set temp hot\n/set tmep 1\n/set context 5\n/read nothing.txt\n/read .\n/?\n/quit\n';
    const { code, stderr } = await say(input);
    expect(code).toBe(1);
    expect(stderr).toContain('Expected a number of at least 0. Received "hot" for temp.');
    expect(stderr).toContain('received "tmep"; did you mean temp?');
    expect(stderr).toContain('received "context"; /set lists them.');
    expect(stderr).toContain('Expected the file "nothing.txt" to be readable');
    expect(stderr).toContain('Expected the file "." to be a regular file, but it is a folder');
    expect(stderr).toContain('/regen');
  });

  test('replaces no file of another kind with /save, unless it is told to', async () => {
    writeFileSync(file('letter.txt'), 'Dear all,');
    const { stderr } = await say(`Hi\n/save ${file('letter.txt')}\n`);
    expect(stderr).toContain('or allow it to be replaced (/save --force <file>).');
    expect(readFileSync(file('letter.txt'), 'utf8')).toBe('Dear all,');
    await say(`Hi\n/save --force ${file('letter.txt')}\n`);
    expect((await say('/stats', '--session', file('letter.txt'))).stderr).toMatch(
      /^Resumed 1 turn/,
    );
  });

  test('keeps a chat after every turn, also when it is killed', async () => {
    const session = file('killed.session');
    const child = start([...chat, '--session', session, '--json']);
    child.stdin.write('Hi\nBye\n');
    let answers = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        answers += chunk;
        if (answers.split('\n').length > 2) resolve(); // the second: the first is kept
      });
    });
    child.kill('SIGKILL');
    await finished(child);
    const { stderr } = await say('/stats', '--session', session);
    expect(stderr).toMatch(/^Resumed [12] turns?\./);
  });

  test('takes messages of several lines', async () => {
    const { stdout } = await say('a\\\nb\n"""\n/help\n"""\n', '--json');
    expect(turns(stdout)).toHaveLength(2);
  });

  test('keeps a chat in a file from one run to the next', async () => {
    const session = ['--session', file('kept.session'), '--json'];
    const uninterrupted = turns((await say('Hi\nBye\n', '--json', '--system', 'Be kind.')).stdout);
    const first = turns((await say('Hi\n', ...session, '--system', 'Be kind.')).stdout);
    const second = turns((await say('Bye\n', ...session)).stdout);
    expect([...first, ...second].map(({ ids }) => ids)).toEqual(
      uninterrupted.map(({ ids }) => ids),
    );
    expect(second[0].keptTokens).toBe(uninterrupted[1].keptTokens);
    writeFileSync(file('other.session'), 'hello, hello');
    const { code, stderr } = await say('Hi', '--session', file('other.session'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/a new name or a session file at .*, but there is another kind of file/);
  });

  test('keeps an answer whose reader goes away, and leaves in peace', async () => {
    const session = file('unread.session');
    const child = start(['chat', path, ...endlessText, '--temp', '0.1', '--session', session]);
    child.stdin.write('Hi\n');
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^warning: .*\n$/) });
    expect((await say('/stats', '--session', session)).stderr).toMatch(/^Resumed 1 turn\./);
  });

  test('can be left with Ctrl-C while it waits for a message', async () => {
    const child = start([...chat, '--json']);
    child.stdin.write('Hi\n');
    child.stdout.once('data', () => child.kill('SIGINT')); // nothing follows
    expect((await finished(child)).code).toBe(130);
  });

  test('stops an answer at Ctrl-C and leaves with 130', async () => {
    // The likeliest tokens repeat themselves without an end.
    const child = start(['chat', path, ...endlessText, '--session', file('cut.session')]);
    child.stdin.write('Hi\n');
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stdout } = await finished(child);
    expect(code).toBe(130);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(existsSync(file('cut.session'))).toBe(true);
  });
});

describe('bitnet chat', () => {
  test('with a model that has no template makes texts of their own', async () => {
    const { stdout } = await bitnet(['chat', '-n', '4', '--temp', '0', '--json'], {
      input: 'Once upon a time\nOnce upon a time\n',
    });
    const [first, second] = turns(stdout);
    expect(first.text).toBe(', there was a');
    expect(second.text).toBe(first.text);
  });

  test('refuses wrong usage', async () => {
    const twice = await bitnet(['chat', path, '-m', path]);
    expect(twice.code).toBe(2);
    expect(twice.stderr).toMatch(/^error: Expected one model/);
    const system = await bitnet(['chat', '--system', 'Be kind.']);
    expect(system.code).toBe(2);
    expect(system.stderr).toMatch(/^error: Expected no system message/);
  });
});
