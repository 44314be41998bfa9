import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { itemsInFile } from '../../lib/evaluate/items-in-file.js';
import { zipEntries } from '../../lib/evaluate/zip.js';
import { describeShared, sharedPath } from '../shared.js';
import { type ZipFile, zipFile } from './zip-file.js';

const name = 'file "a.zip"';
const pair = (word: string) => `{"sentence_good":"${word} is","sentence_bad":"${word} are"}\n`;
const inZip = (files: readonly ZipFile[], entry?: string) =>
  itemsInFile(zipFile(files, 'with a comment'), { name, entry });

describe('A zip of items', () => {
  it('holds those of all its files, packed or not', () => {
    const items = inZip([
      { name: 'data/a.jsonl', content: pair('A') + pair('B') },
      { name: 'data/b.jsonl', content: pair('C'), stored: true },
      { name: 'README.md', content: 'no items' },
      { name: '__MACOSX/._a.jsonl', content: 'no items' },
    ]);
    expect(items.map((item) => 'choices' in item && item.choices[0])).toEqual([
      'A is',
      'B is',
      'C is',
    ]);
  });

  it('holds those of the part that is named, with their labels beside them', () => {
    const line = '{"goal":"g","sol1":"a","sol2":"b"}\n';
    const files = [
      { name: 'piqa/train.jsonl', content: line },
      { name: 'piqa/dev.jsonl', content: line + line },
      { name: 'piqa/dev-labels.lst', content: '1\n0\n' },
    ];
    const items = inZip(files, 'dev');
    expect(items.map((item) => 'label' in item && item.label)).toEqual([1, 0]);
    expect(() => inZip(files)).toThrow(
      '--entry to name it, but found "piqa/train.jsonl", "piqa/dev',
    );
    expect(() => inZip(files, 'train')).toThrow(
      'on line 1 of file "piqa/train.jsonl" in file "a.zip"',
    );
    expect(() => inZip(files, 'other')).toThrow('"other" as .jsonl');
  });

  it.each<[string, Partial<ZipFile>]>([
    ['without a password', { flags: 1 }],
    ['stored or deflated, but found method 12', { method: 12 }],
    ['as it was packed', { sum: 1 }],
    ['as it was packed', { size: 10 }],
    ['as it was packed', { size: 1000 }],
    ['at most 67108864 bytes', { size: 2 ** 27 }],
    ['UTF-8', { content: Buffer.from([0xff, 0xfe]) }],
    ['on line 1 of file "a.jsonl"', { content: '{' }],
  ])('is refused: %s', (message, change) => {
    const file = { name: 'a.jsonl', content: pair('A').repeat(10), ...change };
    expect(() => inZip([file])).toThrow(message);
    expect(() => inZip([file])).toThrow(expect.objectContaining({ code: 'ERR_BITNET_FILE' }));
  });

  it('is refused where its labels alone are too much to unpack', () => {
    const labels = { name: 'a-labels.lst', content: '0\n' };
    for (const size of [2 ** 26, 2 ** 32 - 1]) {
      const files = [
        { name: 'a.jsonl', content: pair('A') },
        { ...labels, size },
      ];
      expect(() => inZip(files)).toThrow('at most 67108864 bytes of items and labels');
    }
    const [other] = zipEntries(zipFile([labels]), 'it', 1);
    expect(() => other!.read()).toThrow('"a-labels.lst" of at most 1 bytes, but found 2 bytes');
  });

  it('says what to do where it is refused, and about which file', () => {
    const bytes = zipFile([{ name: 'a.jsonl', content: '{' }]);
    const at = { path: 'a.zip', line: 1, code: 'ERR_BITNET_FILE' };
    expect(() => itemsInFile(bytes, { name, path: 'a.zip' })).toThrow(expect.objectContaining(at));
    expect(() => inZip([{ name: 'a.txt', content: '' }])).toThrow('found none; give another file');
  });

  it('is refused where it is cut off anywhere, or has a byte too many', () => {
    const whole = zipFile([{ name: 'a.jsonl', content: pair('A') }]);
    for (let length = 4; length < whole.length; length += 3) {
      expect(() => itemsInFile(whole.subarray(0, length), { name })).toThrow(
        expect.objectContaining({ code: 'ERR_BITNET_FILE' }),
      );
    }
  });

  it('is refused where its numbers lead outside of it', () => {
    const whole = zipFile([{ name: 'a.jsonl', content: pair('A') }]);
    const end = whole.length - 22;
    const list = whole.readUInt32LE(end + 16);
    for (const at of [end + 16, list + 42, list + 20, list + 28]) {
      const wrong = Buffer.from(whole);
      wrong.writeUInt16LE(0xffff, at);
      expect(() => itemsInFile(wrong, { name })).toThrow(
        expect.objectContaining({ code: 'ERR_BITNET_FILE' }),
      );
    }
  });

  it('must be one where a file in it is asked for', () => {
    const bytes = Buffer.from(pair('A'));
    expect(() => itemsInFile(bytes, { name, entry: 'a' })).toThrow('leave out --entry');
    expect(itemsInFile(bytes, { name })).toHaveLength(1);
  });
});

describeShared('BLiMP', () => {
  it('is read as it is published', () => {
    const bytes = readFileSync(sharedPath('data/eval/BLiMP.zip'));
    expect(itemsInFile(bytes, { name })).toHaveLength(67_000);
    expect(itemsInFile(bytes, { name, entry: 'principle_A_case_2' })).toHaveLength(1000);
  });
});
