import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChatMessage, loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet, bitnetPath } from './bitnet.js';
import { bitnetPty, hasPty, Pty, quoted } from './pty.js';

const file = tempFolder();
const path = file('chat.gguf');
const template =
  "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
const few = ['chat', path, '-n', '8', '--seed', '1', '--no-color'];
const endless = ['chat', path, '-n', '-1', '-c', '60000', '--temp', '0', '--no-color'];

beforeAll(async () => {
  const model = tinyModel({ contextLength: 512 });
  model.metadata.set('tokenizer.chat_template', { type: 'string', value: template });
  await model.write(path);
});

/** What a session file remembers. */
async function messagesIn(session: string): Promise<readonly ChatMessage[]> {
  const model = await loadModel(path);
  const chat = model.createChat({ contextLength: 60_000 });
  await chat.load(session);
  const { messages } = chat;
  model.close();
  return messages;
}

const said = async (session: string) =>
  (await messagesIn(session)).filter(({ role }) => role === 'user').map(({ content }) => content);

const answered = /Cut off after 8 tokens[\s\S]*> $/;

describe.skipIf(!hasPty)('bitnet chat at a terminal', () => {
  test('keeps the chat after every turn, and shows the last one when it goes on', async () => {
    const session = file('kept.session');
    const first = bitnetPty([...few, '--session', session]);
    await first.until(/leaves\.\n> /);
    expect(existsSync(session)).toBe(false);
    first.type('Hi\r');
    await first.until(answered);
    expect(await said(session)).toEqual(['Hi']);
    first.type('Bye\r');
    await first.until(answered);
    expect(await said(session)).toEqual(['Hi', 'Bye']);
    first.type('/bye\r');
    expect(await first.ended).toBe(0);
    const second = bitnetPty([...few, '--session', session]);
    await second.until(/Resumed 2 turns\.\n> Bye\n[\s\S]*> $/);
    second.type('exit\r');
    expect(await second.ended).toBe(0);
    expect(second.shown).toContain('write """exit"""');
    expect(await said(session)).toEqual(['Hi', 'Bye']);
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    'keeps an answer that %s cuts short',
    async (signal) => {
      const session = file(`${signal}.session`);
      const words = [process.execPath, bitnetPath, ...endless, '--session', session];
      const pid = file(`${signal}.pid`);
      const chat = new Pty(`echo $$ > '${pid}'; exec ${quoted(words)}`);
      await chat.until(/leaves\.\n> /);
      chat.type('Hi\r');
      await chat.until(/Hi\n[\s\S]*\+{3}/);
      process.kill(Number(readFileSync(pid, 'utf8')), signal);
      if (signal === 'SIGINT') {
        await chat.until(/(^|\D)> $/);
        chat.type('\x04');
      }
      expect(await chat.ended).toBe({ SIGTERM: 143, SIGHUP: 129, SIGINT: 0 }[signal]);
      const [message, answer] = await messagesIn(session);
      expect(message!.content).toBe('Hi');
      expect(answer!.content.length).toBeGreaterThan(0);
    },
  );

  test('comes back after Ctrl-Z and fg, with the half-typed text', async () => {
    const session = file('stopped.session');
    const shell = new Pty(`exec env PS1='shell: ' HISTFILE=/dev/null bash --norc -i`);
    await shell.until(/shell: $/);
    shell.type(`${quoted([process.execPath, bitnetPath, ...few, '--session', session])}\r`);
    await shell.until(/leaves\.\n> /);
    shell.type('one');
    await shell.until(/one/);
    shell.type('\x1a');
    await shell.until(/Stopped[\s\S]*shell: $/);
    shell.type('echo in between\r');
    await shell.until(/in between\n[\s\S]*shell: $/);
    shell.type('fg\r');
    await shell.until(/> one$/);
    shell.type(' two\r');
    await shell.until(answered);
    shell.type('/quit\r');
    await shell.until(/shell: $/);
    shell.type('echo code $?\r');
    await shell.until(/code 0\n[\s\S]*shell: $/);
    shell.type('exit\r');
    await shell.ended;
    expect(await said(session)).toEqual(['one two']);
  });

  test('puts what is pasted where the cursor is, and recalls it whole, also in the next chat', async () => {
    const session = file('pasted.session');
    const history = file('history');
    const settings = { env: { BITNET_HISTORY: history } };
    const first = bitnetPty([...few, '--session', session], settings);
    await first.until(/leaves\.\n> /);
    first.type('ab\x1b[D\x1b[200~1\tx\r/stats\r3\r\x1b[201~c\r');
    await first.until(answered);
    first.type('\x1b[A'); // up
    await first.until(/3cb/);
    first.type('\x1b[D語!\r'); // into the middle, in one piece, as input methods do
    await first.until(answered);
    first.type('\x04');
    expect(await first.ended).toBe(0);
    const pasted = 'a1\tx\n/stats\n3cb';
    expect(await said(session)).toEqual([pasted, 'a1\tx\n/stats\n3c語!b']);
    expect(statSync(history).mode & 0o777).toBe(0o600);
    const second = bitnetPty([...few, '--session', session], settings);
    await second.until(/Resumed 2 turns\.\n> a1\tx\n… \/stats\n… 3c語!b\n[\s\S]*> $/);
    second.type(`/load ${session}\r`);
    await second.until(/Loaded 2 turns\.\n> a1\tx\n… \/stats\n[\s\S]*> $/);
    second.type('\x1b[A\x1b[A\x1b[A');
    await second.until(/3cb/);
    second.type('?\r');
    await second.until(answered);
    second.type('\x04');
    await second.ended;
    expect((await said(session)).at(-1)).toBe(`${pasted}?`);
  });

  test('remembers nothing with an empty BITNET_HISTORY, and touches no file of another kind', async () => {
    const home = { HOME: file('home'), XDG_STATE_HOME: file('state') };
    const chat = bitnetPty(few, { env: { ...home, BITNET_HISTORY: '' } });
    await chat.until(/leaves\.\n> /);
    chat.type('/stats\r');
    await chat.until(/written[\s\S]*> $/);
    chat.type('\x04');
    await chat.ended;
    expect([existsSync(file('home')), existsSync(file('state'))]).toEqual([false, false]);
    const letter = file('letter.txt');
    writeFileSync(letter, 'Dear all,\n');
    const other = bitnetPty(few, { env: { BITNET_HISTORY: letter } });
    await other.until(/warning: What you type is not remembered[\s\S]*> $/);
    other.type('/stats\r\x04');
    await other.ended;
    expect(readFileSync(letter, 'utf8')).toBe('Dear all,\n');
  });

  test('completes commands, settings and paths', async () => {
    writeFileSync(file('notes.txt'), 'Some notes.');
    const session = file('read.session');
    const chat = bitnetPty([...few, '--session', session]);
    await chat.until(/leaves\.\n> /);
    chat.type('/rea\t');
    await chat.until(/\/read $/);
    chat.type(`${file('not')}\t`);
    await chat.until(/notes\.txt$/);
    chat.type('\r');
    await chat.until(/Read 11 characters[\s\S]*> $/);
    chat.type('/set max\t');
    await chat.until(/max-tokens $/);
    chat.type('3\r');
    await chat.until(/max-tokens +3\n[\s\S]*> $/);
    chat.type('Short?\r');
    await chat.until(/Cut off after 3 tokens[\s\S]*> $/);
    chat.type('quit\r');
    expect(await chat.ended).toBe(0);
    expect(await said(session)).toEqual(['Some notes.\n\nShort?']);
  });

  test('wraps at words and changes nothing else', async () => {
    const args = ['chat', '-n', '60', '--temp', '0', '--no-color'];
    const { stdout } = await bitnet(args, { input: 'Once upon a time\n' });
    const chat = bitnetPty(args, { columns: 40 });
    await chat.until(/leaves\.\n> /);
    chat.type('Once upon a time\r');
    await chat.until(/time\n/);
    const shown = await chat.until(/\nCut off/);
    await chat.until(/\n> $/);
    chat.type('/regen\r');
    await chat.until(/regen\n/);
    expect(await chat.until(/\nCut off/)).toBe(shown);
    await chat.until(/\n> $/);
    chat.type('\x04');
    await chat.ended;
    const lines = shown.split('\n').slice(0, -1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    const words = (text: string) => text.trim().split(/\s+/);
    expect(words(lines.join('\n'))).toEqual(words(stdout));
  });

  test.each(['right after it', 'during the answer'])(
    'answers a message and then leaves at a Ctrl-D typed %s',
    async (when) => {
      const session = file(`${when}.session`);
      const args = ['chat', path, '-n', '40', '--temp', '0', '--no-color', '--session', session];
      const chat = bitnetPty(args);
      await chat.until(/leaves\.\n> /);
      if (when === 'right after it') chat.type('Hi\r\x04');
      else {
        chat.type('Hi\r');
        await chat.until(/Hi\n/);
        chat.type('\x04');
      }
      expect(await chat.ended).toBe(0);
      expect(await said(session)).toEqual(['Hi']);
    },
  );

  test('needs Ctrl-C twice on an empty line to leave, after one that stopped an answer too', async () => {
    const chat = bitnetPty(endless);
    await chat.until(/leaves\.\n> /);
    chat.type('Hi\r');
    await chat.until(/Hi\n[\s\S]*\+{3}/);
    chat.type('\x03');
    await chat.until(/(^|\D)> $/);
    chat.type('half\x03');
    await chat.until(/half\n(> )+$/);
    chat.type('\x03');
    await chat.until(/Ctrl-C again or Ctrl-D leaves\.\n> $/);
    chat.type('\x03');
    expect(await chat.ended).toBe(130);
  });
});

test('a chat that cannot be kept is refused before the first prompt, and before the model is loaded', async () => {
  const letter = file('letter.gguf');
  writeFileSync(letter, 'Dear all,\n');
  for (const [session, reason] of [
    [file('missing/x.session'), /^error: Expected to write the file/],
    [letter, /^error: Expected a new name or a session file/],
    [file('.'), /^error: Expected a regular file or a new name to write to/],
  ] as const) {
    const args = ['chat', file('no-model.gguf'), '--session', session];
    const { code, stderr } = await bitnet(args, { input: 'Hi\n' });
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  }
  expect(readFileSync(letter, 'utf8')).toBe('Dear all,\n');
});
