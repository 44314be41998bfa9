import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { completions, typedPath } from '../../bin/commands/chat-completion.mjs';
import {
  findSetting,
  settingLine,
  settingNames,
  unquoted,
  withSetting,
} from '../../bin/commands/chat-settings.mjs';
import type { GenerationOptions } from '../../bin/commands/run-options.mjs';
import { tempFolder } from '../fixtures/temp-folder.js';

const file = tempFolder();
const initial = { temp: 0.8, topK: 40, seed: 7, maxTokens: 512 } as GenerationOptions;

describe('a setting of a chat', () => {
  test('is found by the names that the command line and other programs use', () => {
    for (const name of ['temp', 'temperature', 'Temperature'])
      expect(findSetting(name)).toBe('temp');
    for (const name of ['top-k', 'top_k', 'topK']) expect(findSetting(name)).toBe('topK');
    for (const name of ['n', 'max-tokens', 'num_predict', 'n-predict']) {
      expect(findSetting(name)).toBe('maxTokens');
    }
    for (const name of ['context', 'constructor', '', 'kvType']) {
      expect(findSetting(name)).toBeUndefined();
    }
    for (const name of settingNames) expect(findSetting(name), name).toBeDefined();
  });

  test('takes what the option takes, and nothing else', () => {
    expect(withSetting(initial, 'temp', '0.5', initial)).toEqual({ ...initial, temp: 0.5 });
    const stop = withSetting(initial, 'stop', '"\\n\\n"', initial);
    expect(stop.stop).toEqual(['\n\n']);
    expect(withSetting(stop, 'stop', 'END', initial).stop).toEqual(['END']);
    expect(withSetting(stop, 'stop', 'default', initial).stop).toBeUndefined();
    expect(() => withSetting(initial, 'temp', 'hot', initial)).toThrow('Expected a number of at');
    expect(() => withSetting(initial, 'topP', '2', initial)).toThrow('from 0 to 1');
  });

  test('is shown with its value', () => {
    expect(settingLine('temp', initial)).toBe('temp               0.8');
    expect(settingLine('seed', { ...initial, seed: undefined } as never)).toMatch(/ random$/);
    expect(settingLine('stop', { ...initial, stop: ['\n', 'x'] })).toMatch(/ "\\n", "x"$/);
  });
});

test('text in quotes is what they hold', () => {
  expect(['a b', '"a b "', '""', '"', '"a\\nb"', '"a\\x"', '"a" or "b"'].map(unquoted)).toEqual([
    ...['a b', 'a b ', '', '"', 'a\nb', 'a\\x', 'a" or "b'],
  ]);
});

describe('Tab', () => {
  test('completes commands and settings', () => {
    expect(completions('/s', ['help', 'set', 'stats'])).toEqual([['/set ', '/stats '], '/s']);
    const top = ['top-k ', 'top-p ', 'top-n-sigma '];
    expect(completions('/set top', [])).toEqual([top, 'top']);
    expect(completions('/ s', ['set'])[0]).toEqual([]);
    expect(completions('hello /s', ['set'])).toEqual([['hello /s\t'], 'hello /s']);
  });

  test('completes paths, with spaces too, and shows no name that could drive the terminal', () => {
    mkdirSync(file('my notes'));
    writeFileSync(file('my notes/a.txt'), '');
    writeFileSync(file('my notes/.hidden'), '');
    writeFileSync(file('my notes/a\x1b[2J.txt'), '');
    expect(completions(`/read ${file('my')}`, [])[0]).toEqual([`${file('my notes')}/`]);
    expect(completions(`/read ${file('my notes')}/`, [])[0]).toEqual([file('my notes/a.txt')]);
    expect(completions(`/save ${file('my notes')}/.h`, [])[0]).toEqual([file('my notes/.hidden')]);
    expect(completions('/load /no/such/folder/', [])[0]).toEqual([]);
  });
});

test('a typed path may begin at home', () => {
  expect(typedPath('~/a b')).toBe(`${process.env.HOME}/a b`);
  expect(['a', '~x', '"a b"', "'~'"].map(typedPath)).toEqual([
    ...['a', '~x', 'a b', process.env.HOME],
  ]);
});
