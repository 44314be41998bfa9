import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { zipFile } from '../evaluate/zip-file.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, finished, start, storiesPath } from './bitnet.js';

const file = tempFolder();
const question = 'Once upon a time there was a little';
const items = [
  { question, choices: ['girl named Lily.', 'quarterly tax of 1987.'], label: 0 },
  { question, choices: ['xq vzz', 'dog. He liked to play.'], label: 1 },
];
const lines = `${items.map((item) => JSON.stringify(item)).join('\n')}\n`;

describe('bitnet eval', () => {
  test('prints both accuracies on stdout, and how far it came on stderr', async () => {
    writeFileSync(file('items.jsonl'), lines);
    const { code, stdout, stderr } = await bitnet(['eval', storiesPath, '-f', file('items.jsonl')]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'Accuracy        100.00 % ± 0.00 %\nNormalized      100.00 % ± 0.00 % (per byte)\nBy chance       50.00 %\nItems           2\n',
    });
    expect(stderr).toMatch(
      /^item 1 of 2: accuracy 100.00 %\nitem 2 of 2: accuracy 100.00 %\n\d+ threads, [\d.]+ s\n$/,
    );
  });

  test('takes the files of a zip archive', async () => {
    const pair = (sentence_good: string, sentence_bad: string) =>
      JSON.stringify({ sentence_good, sentence_bad });
    const archive = zipFile([
      { name: 'data/a.jsonl', content: pair('Once upon a time.', 'Upon once time a.') },
      { name: 'data/b.jsonl', content: pair('xq vzz', 'She was happy.') },
    ]);
    writeFileSync(file('pairs.zip'), archive);
    const { code, stdout } = await bitnet([
      'eval',
      storiesPath,
      '-f',
      file('pairs.zip'),
      '--entry',
      'a.jsonl',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ items: 1, accuracy: { value: 1 }, chance: 0.5 });
  });

  test('says that there is no input, or what is wrong with a file', async () => {
    const said = async (...args: string[]) => {
      const { code, stderr } = await bitnet(['eval', ...args], { input: '\n' });
      return { code, said: stderr.split('\n')[0] };
    };
    expect(await said()).toEqual({
      code: 2,
      said: 'error: Expected items: -f <file> or JSON Lines on standard input.',
    });
    expect(await said('-f', 'nothere.jsonl')).toEqual({
      code: 1,
      said: 'error: Expected the file "nothere.jsonl" to be readable, but there is none; check the path.',
    });
    expect((await said('-f', '.')).said).toBe(
      'error: Expected the file "." to be readable, but it is a folder; give a file in it.',
    );
  });

  test('reads standard input, and prints one JSON object with --json', async () => {
    const { code, stdout, stderr } = await bitnet(['eval', '--json', '--limit', '1'], {
      input: lines,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ kind: 'choice', items: 1, itemsInAll: 1, accuracy: { value: 1, error: null } },
      ...{ chance: 0.5, perplexity: null, shortened: 0, model: storiesPath },
    });
  });

  test('predicts last words', async () => {
    const input = '{"text":"Once upon a time"}\n';
    const { code, stdout } = await bitnet(['eval', '--quiet'], { input });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Accuracy {8}100\.00 %\nPerplexity {6}1\.\d{4} per last word\nItems {11}1\n$/,
    );
  });

  test('interrupted, prints what there was and exits with 130', async () => {
    const child = start(['eval']);
    child.stdin.end(lines.repeat(1000));
    const end = finished(child);
    child.stderr.once('data', () => child.kill('SIGINT')); // the first tenth is done
    const { code, stdout } = await end;
    expect(code).toBe(130);
    expect(stdout).toMatch(
      /^Accuracy {8}100.00 % ± 0.00 %\n(.*\n){2}Items {11}[\d,]+ of 2,000\nCut {13}interrupted before the end\n$/,
    );
  });

  test('names the line that is wrong', async () => {
    const { code, stdout, stderr } = await bitnet(['eval'], { input: `${lines}{"question":7}\n` });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'error: Expected a text as question on line 3, but it has 7; correct or remove the line.\n',
    );
  });
});
