import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { ctrlCSignal, endSignal, interruptSignal } from '../../bin/interrupt.mjs';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, endlessText, finished, start } from './bitnet.js';

const file = tempFolder();
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

afterEach(() => {
  for (const name of names) process.removeAllListeners(name);
  vi.restoreAllMocks();
});

test('the first Ctrl-C aborts, the second exits at once with 130', () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const signal = interruptSignal();
  expect(signal.aborted).toBe(false);
  process.emit('SIGINT', 'SIGINT');
  expect(signal.aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGINT', 'SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
});

test('a terminal that closes may say so twice: the work ends in good order', () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const signals = [interruptSignal(), endSignal()];
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGTERM', 'SIGTERM');
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  expect(exit).not.toHaveBeenCalled();
});

test('a part of the work ends at Ctrl-C alone, and listens no longer than it lasts', () => {
  const { signal, end } = ctrlCSignal();
  const whole = endSignal();
  process.emit('SIGTERM', 'SIGTERM');
  expect(signal.aborted).toBe(false);
  process.emit('SIGINT', 'SIGINT');
  expect([signal.aborted, whole.aborted]).toEqual([true, true]);
  end();
  expect(process.listenerCount('SIGINT')).toBe(0);
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends a generation in good order, with %i', async (name, exitCode) => {
  const session = file(`${name}.session`);
  const running = start(['run', '-p', 'Once', ...endlessText, '--session', session]);
  running.stdin.end();
  running.stdout.once('data', () => running.kill(name));
  const { code } = await finished(running);
  expect(code).toBe(exitCode);
  const { code: again } = await bitnet(['run', '-n', '1', '--session', session]);
  expect(again).toBe(0);
});

const unix = process.platform !== 'win32';
test.runIf(unix)('Ctrl-C ends waiting for a pipe that nobody writes', async () => {
  const pipe = file('pipe');
  execFileSync('mkfifo', [pipe]);
  // Waits where it takes a thread: the process then ended by no signal but SIGKILL.
  const running = start(['run', '-f', pipe]);
  running.stdin.end();
  const timer = setInterval(() => running.kill('SIGINT'), 500);
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>(
    (resolve) => running.on('exit', (code, signal) => resolve({ code, signal })),
  );
  clearInterval(timer);
  expect(signal === 'SIGINT' ? 130 : code).toBe(130); // before it listens, the system ends it
});

test.runIf(unix)('a pipe that is written late is read to its end', async () => {
  const pipe = file('late');
  execFileSync('mkfifo', [pipe]);
  const reading = bitnet(['tokenize', '-f', pipe, '--json']);
  const writing = await open(pipe, 'w'); // waits for the reader
  await writing.write('Once');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await writing.write(' upon\n');
  await writing.close();
  const { stdout } = await bitnet(['tokenize', '--json', '-p', 'Once upon\n']);
  expect((await reading).stdout).toBe(stdout);
});

test('a pipe that closes ends a generation in good order, and in peace', async () => {
  const session = file('pipe.session');
  const running = start(['run', '-p', 'Once', ...endlessText, '--session', session]);
  running.stdin.end();
  running.stdout.once('data', () => running.stdout.destroy());
  const { code, stderr } = await finished(running);
  expect({ code, stderr: stderr.includes('error') }).toEqual({ code: 0, stderr: false });
  const { code: again } = await bitnet(['run', '-n', '1', '--session', session]);
  expect(again).toBe(0);
});

test('a command that waits for what never comes says so, and does not end with 13', async () => {
  const silent =
    'import {PassThrough} from "node:stream";' +
    'Object.defineProperty(process,"stdin",{value:new PassThrough()})';
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(silent)}` };
  const { code, stderr } = await bitnet(['chat'], { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: Expected the command to finish/);
});
