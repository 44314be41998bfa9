import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ownStories } from '../evaluate/held-out.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, finished, start, storiesPath } from './bitnet.js';

const file = tempFolder();
const text = ownStories(4_000);

describe('bitnet perplexity', () => {
  test('prints the value on stdout and how far it came on stderr', async () => {
    writeFileSync(file('story.txt'), text);
    const args = ['perplexity', storiesPath, '-f', file('story.txt'), '-c', '64'];
    const { code, stdout, stderr } = await bitnet(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Perplexity {6}\d+\.\d{4} ± \d+\.\d{5}\nNats per token {2}\d\.\d{5} ± 0\.\d{5}\nBits per byte {3}\d\.\d{5}\nScored {10}[\d,]+ tokens, [\d,]+ bytes\nEvaluated {7}\d+ chunks of 64 tokens\n$/,
    );
    expect(stderr).toMatch(
      /^chunk \d+ of \d+: perplexity \d+\.\d{4}\n(.*\n){9}\d+ threads, [\d.]+ s\n$/,
    );

    // The same text from standard input, by name or because no file is named.
    const quiet = ['--quiet', '--json', '-c', '64'];
    const json = await bitnet(['perplexity', ...quiet], { input: text });
    const dash = await bitnet(['perplexity', ...quiet, '-f', '-', '-t', '1'], { input: text });
    expect(json).toMatchObject({ code: 0, stderr: '' });
    const value = JSON.parse(json.stdout);
    expect(JSON.parse(dash.stdout)).toEqual({ ...value, threads: 1 });
    expect(value).toMatchObject({ contextLength: 64, stride: null, model: storiesPath });
    expect(stdout).toContain(
      `Perplexity      ${value.perplexity.toFixed(4)} ± ${value.error.toFixed(5)}`,
    );
  });

  test('--stride scores all tokens', async () => {
    const args = ['perplexity', '--stride', '32', '-c', '64', '--chunks', '2', '--json'];
    const { code, stdout } = await bitnet(args, { input: text });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ stride: 32, chunks: 2, tokens: 63 + 32 });
  });

  test('interrupted, prints the value so far and exits with 130', { timeout: 90_000 }, async () => {
    const args = ['perplexity', '-c', '32', '--stride', '1'];
    const child = start(args);
    child.stdin.end(text.repeat(4));
    const end = finished(child);
    child.stderr.once('data', () => child.kill('SIGINT')); // the first tenth is done
    const { code, stdout } = await end;
    expect(code).toBe(130);
    expect(stdout).toMatch(
      /^Perplexity(.*\n){4}Evaluated .* of [\d,]+ windows 1 tokens apart,.*\nCut {13}interrupted before the end\n$/,
    );

    // With --json nothing is said before the end, so that it began can only be guessed.
    writeFileSync(file('long.txt'), text.repeat(100));
    for (const milliseconds of [2000, 8000, 25_000]) {
      const silent = start([...args, '--json', '-f', file('long.txt')]);
      const ended = finished(silent);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      silent.kill('SIGINT');
      const run = await ended;
      if (run.code === null) continue; // it did not listen yet
      expect(run.code).toBe(130);
      const { error, result } = JSON.parse(run.stdout);
      expect(error.code).toBe('ERR_BITNET_ABORTED');
      if (!result) continue;
      expect(result.cut).toBe(true);
      expect(result.chunks).toBeLessThan(result.chunksInAll);
      return;
    }
    throw new Error('the evaluation did not begin within 25 seconds');
  });

  test('says what is wrong', async () => {
    const short = await bitnet(['perplexity'], { input: 'Once upon a time' });
    expect(short).toMatchObject({ code: 2, stdout: '' });
    expect(short.stderr).toContain('error: Expected a text of at least 256 tokens, but it has 5; ');
    const missing = await bitnet(['perplexity', '-f', 'nothere.txt', '--json']);
    expect(missing.code).toBe(1);
    expect(JSON.parse(missing.stdout).error.code).toBe('ERR_BITNET_FILE');
    expect((await bitnet(['perplexity', '-c', '2'], { input: text })).code).toBe(2);
  });
});
