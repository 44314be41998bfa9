import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const root = resolve(__dirname, '../..');
const library = join(root, 'dist/lib/index.js');

beforeAll(() => {
  if (!existsSync(library)) throw new Error(`${library} is not there: run "npm run build" first.`);
});

/** What a child process that runs `script`, and its workers with it, left behind. */
async function run(script: string) {
  const prelude = `
    const { loadModel } = require(${JSON.stringify(library)});
    const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
    const { once } = require('node:events');
    const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const startWorker = (body) => new Worker(
      'const { loadModel } = require(' + JSON.stringify(${JSON.stringify(library)}) + ');' +
      'const { parentPort } = require("node:worker_threads");' +
      '(async () => {' + body + '})()', { eval: true });
    // Goes on for minutes unless it is stopped.
    const endless = 'const model = await loadModel(); const session = model.createSession({ contextLength: 100000 });'
      + 'parentPort.postMessage("loaded");'
      + 'for (;;) { for await (const piece of session.generate("Once", { maxTokens: 50 })) parentPort.postMessage("piece"); session.reset(); }';
  `;
  const child = spawn(process.execPath, ['-e', `${prelude};(async () => {${script}})()`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 50_000);
  const [code, signal] = await new Promise<[number | null, string | null]>((done) => {
    child.on('close', (...end) => done(end));
  });
  clearTimeout(timer);
  return { code, signal, stdout: stdout.trim(), stderr };
}

const clean = { code: 0, signal: null, stderr: '' };

describe('a process ends', () => {
  it('by itself once nothing runs, though nothing was closed', async () => {
    const script = `
      const model = await loadModel();
      const session = model.createSession();
      console.log((await session.evaluate([1, 2, 3])).length);`;
    expect(await run(script)).toEqual({ ...clean, stdout: '4096' });
  });

  it('not before a result that is awaited, though nobody iterates', async () => {
    const script = `
      const model = await loadModel();
      const session = model.createSession();
      const { usage } = await session.generate('Once', { maxTokens: 3 }).result;
      const reply = await model.createChat().send('Once', { maxTokens: 3 }).result;
      console.log(usage.completionTokens, reply.usage.completionTokens);`;
    expect(await run(script)).toEqual({ ...clean, stdout: '3 3' });
  });

  it.each([
    [
      'in a generation',
      'setTimeout(() => process.exit(7), 100); await session.complete("Once", { maxTokens: 100000 });',
    ],
    [
      'in a prefill',
      'setTimeout(() => process.exit(7), 60); await session.evaluate(new Int32Array(60000));',
    ],
    ['right after a call', 'session.evaluate([1, 2, 3]); process.exit(7);'],
  ])('by process.exit %s', async (_, body) => {
    const script = `
      const model = await loadModel();
      const session = model.createSession({ contextLength: 100000 });
      ${body}`;
    expect(await run(script)).toEqual({ ...clean, code: 7, stdout: '' });
  });

  it('by process.exit in a load', async () => {
    expect(
      await run('loadModel(); setImmediate(() => process.exit(7)); await pause(10000);'),
    ).toEqual({ ...clean, code: 7, stdout: '' });
  });

  it('by an uncaught error in a generation', async () => {
    const script = `
      const session = (await loadModel()).createSession({ contextLength: 100000 });
      setTimeout(() => { throw new Error('the user erred'); }, 100);
      await session.complete('Once', { maxTokens: 100000 });`;
    const { code, signal, stderr } = await run(script);
    expect([code, signal]).toEqual([1, null]);
    expect(stderr).toMatch(/the user erred/);
  });
});

describe('workers', () => {
  it('load and generate side by side, the same text as the main thread', async () => {
    const script = `
      const story = 'const model = await loadModel(undefined, { threads: THREADS }); const session = model.createSession();'
        + 'const { ids } = await session.complete("Once upon a time", { temperature: 0, maxTokens: 40 });'
        + 'model.close(); parentPort.postMessage(ids.join(" "));';
      const workers = [1, 2, 2, 3].map((threads) => startWorker(story.replace('THREADS', threads)));
      const texts = workers.map(async (worker) => (await once(worker, 'message'))[0]);
      const model = await loadModel();
      const { ids } = await model.createSession().complete('Once upon a time', { temperature: 0, maxTokens: 40 });
      console.log((await Promise.all(texts)).every((text) => text === ids.join(' ')));`;
    expect(await run(script)).toEqual({ ...clean, stdout: 'true' });
  });

  it.each([
    ['and the main thread has a model too', 'loadModel()'],
    ['and the addon goes with them', 'undefined'],
  ])('may be terminated in the middle of a generation, many times, %s', async (_, main) => {
    const script = `
      await ${main};
      for (let i = 0; i < 15; i++) {
        const worker = startWorker(endless);
        await once(worker, 'message');
        if (i % 2) await once(worker, 'message');
        await pause(i);
        await worker.terminate();
      }
      const session = (await loadModel()).createSession();
      console.log((await session.complete('Once', { maxTokens: 3 })).ids.length);`;
    expect(await run(script)).toEqual({ ...clean, stdout: '3' });
  });

  it('may be terminated in the middle of a load, many times', async () => {
    const script = `
      for (let i = 0; i < 20; i++) {
        const worker = startWorker('for (;;) { parentPort.postMessage("go"); (await loadModel()).close(); }');
        await once(worker, 'message');
        await pause(i);
        await worker.terminate();
      }
      console.log('done');`;
    expect(await run(script)).toEqual({ ...clean, stdout: 'done' });
  });

  it('may end themselves, or with the process, in the middle of a generation', async () => {
    const script = `
      for (let i = 0; i < 5; i++) {
        const worker = startWorker('setTimeout(() => process.exit(5), 100);' + endless);
        const [code] = await once(worker, 'exit');
        console.log(code);
      }
      const worker = startWorker(endless);
      await once(worker, 'message');
      await once(worker, 'message');
      process.exit(3);`;
    expect(await run(script)).toEqual({ ...clean, code: 3, stdout: '5\n5\n5\n5\n5' });
  });
});
