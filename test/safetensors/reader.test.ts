import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/safetensors/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { rawFile, refusal, writeTensors } from './raw-file.js';

const temp = tempFolder();
const path = temp('a.safetensors');

const entry = (begin: number, end: number, shape: readonly unknown[] = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

async function read(header: string | object | Buffer, dataBytes = 0) {
  await writeFile(path, rawFile(header, new Uint8Array(dataBytes)));
  return readSafetensors(path);
}

describe('A safetensors file', () => {
  it('has tensors by name in the order of their data, with their places in the file', async () => {
    const header = { b: entry(8, 16), a: { ...entry(0, 8), shape: [2, 1] } };
    const { tensors, metadata } = await read(header, 16);
    const start = 8 + JSON.stringify(header).length;
    expect([...tensors.values()]).toEqual([
      {
        name: 'a',
        dtype: 'F32',
        shape: [2, 1],
        begin: start,
        end: start + 8,
        file: expect.objectContaining({ path, size: start + 16 }),
      },
      expect.objectContaining({ name: 'b', shape: [2], begin: start + 8, end: start + 16 }),
    ]);
    expect(metadata.size).toBe(0);
  });

  it('may have no tensors, empty ones, single numbers, and names of any kind', async () => {
    expect((await read('{}')).tensors.size).toBe(0);
    const { tensors } = await read(
      `{"": ${JSON.stringify(entry(0, 0, [7, 0]))}, "__proto__": ${JSON.stringify(entry(0, 4, []))},
        "\\u0041\\"\\\\": ${JSON.stringify(entry(4, 4))}}`,
      4,
    );
    expect([...tensors].map(([name, { shape, begin, end }]) => [name, shape, end - begin])).toEqual(
      [
        ['', [7, 0], 0],
        ['__proto__', [], 4],
        ['A"\\', [0], 0],
      ],
    );
  });

  it('may have metadata, unknown fields and blanks after the header', async () => {
    const text =
      '{"__metadata__": {"format": "pt", "__proto__": ""}, "t": {"x": [1e-3, {"y": null}, [], true, ""],';
    const { tensors, metadata } = await read(
      `${text}"dtype":"U8","shape":[1],"data_offsets":[0,1]}} \n `,
      1,
    );
    expect([...metadata]).toEqual([
      ['format', 'pt'],
      ['__proto__', ''],
    ]);
    expect([...tensors.keys()]).toEqual(['t']);
  });

  it('may pack elements of 4 and 6 bits into whole bytes', async () => {
    const four = { dtype: 'F4', shape: [3, 2], bytes: new Uint8Array(3) };
    const six = { dtype: 'F6_E2M3', shape: [4], bytes: new Uint8Array(3) };
    await writeTensors(path, { four, six });
    expect((await readSafetensors(path)).tensors.size).toBe(2);
  });
});

const damaged = 'the file is damaged, download it again';
const incomplete = 'the file is incomplete, download it again';
const many = (count: number, member: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => member(i)).join();
const t = (fields: string) => `{"t":{${fields}}}`;

/** A file, and its error without path and advice; the header, the bytes of data, field, expected, found. */
const cases: [
  title: string,
  string | object | Buffer,
  number,
  field: string,
  expected: string,
  found: string,
  advice?: string,
][] = [
  ['no header', '', 0, 'the first byte of the header', '"{"', 'no byte'],
  ['a header that begins with a blank', ' {}', 0, 'the first byte of the header', '"{"', '" "'],
  ['an array for a header', '[]', 0, 'the first byte of the header', '"{"', '"["'],
  [
    'a header that is cut off',
    '{"t"',
    0,
    'the header text',
    'JSON with ":" at character 4',
    'the end of the text',
  ],
  [
    'a name without an end',
    '{"t\\"',
    0,
    'the header text',
    'JSON with the end of a string at character 5',
    'the end of the text',
  ],
  [
    'a name with a line break',
    '{"a\nb":1}',
    0,
    'the header text',
    'JSON with a valid string at character 1',
    '"\\u{22}a\\u{a}b\\u{22}:1}"',
  ],
  [
    'half a surrogate pair',
    '{"\\ud800":1}',
    0,
    'the header text',
    'JSON with a valid string at character 1',
    '"\\u{22}\\u{5c}ud800\\u{22}:1}"',
  ],
  [
    'a comma before the end',
    `{"t":${JSON.stringify(entry(0, 0))},}`,
    0,
    'the header text',
    'JSON with a string at character 54',
    '"}"',
  ],
  ['a second object', '{}{}', 0, 'the header text', 'JSON with its end at character 2', '"{}"'],
  [
    'bytes that are not UTF-8',
    Buffer.from('{"\xff":1}', 'latin1'),
    0,
    'the header text',
    'UTF-8',
    'other bytes',
  ],
  [
    'the same name twice',
    '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}',
    0,
    'the header keys',
    'different',
    '"a" twice',
  ],
  [
    'the same field twice',
    t('"dtype":"U8","dtype":"I8"'),
    0,
    'tensor "t" keys',
    'different',
    '"dtype" twice',
  ],
  [
    'the same key of metadata twice',
    '{"__metadata__":{"a":"","a":""}}',
    0,
    'the header __metadata__ keys',
    'different',
    '"a" twice',
  ],
  [
    'a number in metadata',
    '{"__metadata__":{"a":1}}',
    0,
    'the header __metadata__ text',
    'JSON with a string at character 21',
    '"1}}"',
  ],
  [
    'text for a tensor',
    '{"t":"x"}',
    0,
    'tensor "t" text',
    'JSON with "{" at character 5',
    '"\\u{22}x\\u{22}}"',
  ],
  [
    'a word that is no JSON',
    t('"x":nil'),
    0,
    'tensor "t" text',
    'JSON with a value at character 10',
    '"nil}}"',
  ],
  ['nesting', t(`"x":${'['.repeat(9)}`), 0, 'tensor "t" nesting', 'at most 8 levels deep', 'more'],
  ['no dtype', t('"shape":[],"data_offsets":[0,0]'), 0, 'tensor "t" dtype', 'a string', 'none'],
  ['no shape', t('"dtype":"U8","data_offsets":[0,0]'), 0, 'tensor "t" shape', 'an array', 'none'],
  [
    'no offsets',
    t('"dtype":"U8","shape":[0]'),
    0,
    'tensor "t" data_offsets',
    'two integers',
    'none',
  ],
  [
    'one offset',
    { t: { ...entry(0, 0), data_offsets: [0] } },
    0,
    'tensor "t" data_offsets',
    'two integers',
    '1',
  ],
  [
    'three offsets',
    { t: { ...entry(0, 0), data_offsets: [0, 0, 0] } },
    0,
    'tensor "t" data_offsets',
    'at most 2 integers',
    'more',
  ],
  [
    'a dtype of Object.prototype',
    { t: { ...entry(0, 0), dtype: 'toString' } },
    0,
    'tensor "t" dtype',
    'one of BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64',
    '"toString"',
    'the file is damaged or of a newer format',
  ],
  [
    'a fraction',
    '{"t":{"shape":[8.0]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"8.0]}}"',
  ],
  [
    'a negative dimension',
    '{"t":{"shape":[-1]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"-1]}}"',
  ],
  [
    'an exponent',
    '{"t":{"shape":[1e1]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"1e1]}}"',
  ],
  [
    'a leading zero',
    '{"t":{"shape":[01]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"01]}}"',
  ],
  [
    'an integer of 2^53',
    '{"t":{"shape":[9007199254740992]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"9007199254740992]}}"',
  ],
  [
    'an integer that wraps to 4',
    '{"t":{"shape":[18446744073709551620]}}',
    0,
    'tensor "t" shape',
    'integers from 0 to 9007199254740991',
    '"18446744073709551620"',
  ],
  [
    'a shape that wraps to nothing',
    { t: entry(0, 0, [2 ** 32, 2 ** 32]) },
    0,
    'tensor "t" shape',
    'at most 9007199254740991 bits',
    '"[4294967296, 4294967296]" of F32',
  ],
  [
    'a shape that is 0 only at its end',
    { t: entry(0, 0, [2 ** 32, 2 ** 32, 0]) },
    0,
    'tensor "t" shape',
    'at most 9007199254740991 bits',
    '"[4294967296, 4294967296, 0]" of F32',
  ],
  [
    '65 dimensions',
    { t: entry(0, 4, Array(65).fill(1)) },
    4,
    'tensor "t" shape',
    'at most 64 integers',
    'more',
  ],
  [
    'half a byte',
    { t: { ...entry(0, 1, [3]), dtype: 'F4' } },
    1,
    'tensor "t" shape',
    'a number of whole bytes',
    '12 bits',
  ],
  [
    'a name of 1,025 characters',
    `{"${'n'.repeat(1025)}":{}}`,
    0,
    `tensor "${'n'.repeat(80)}…" name`,
    'at most 1024 characters',
    '1025',
  ],
  [
    'too few bytes',
    { t: entry(0, 4, [2]) },
    4,
    'tensor "t" data_offsets',
    '8 bytes apart, as its dtype and shape say',
    '0 and 4',
  ],
  [
    'an end before the beginning',
    { t: entry(4, 0, [1]) },
    4,
    'tensor "t" data_offsets',
    '4 bytes apart, as its dtype and shape say',
    '4 and 0',
  ],
  [
    'a hole',
    { a: entry(0, 4), t: entry(8, 12) },
    12,
    'tensor "t" data_offsets',
    'from 4 on, where the tensor before it ends',
    '8',
  ],
  [
    'a hole at the beginning',
    { t: entry(4, 8) },
    8,
    'tensor "t" data_offsets',
    'from 0 on, where the tensor before it ends',
    '4',
  ],
  [
    'an overlap',
    { a: entry(0, 8), t: entry(4, 12) },
    12,
    'tensor "t" data_offsets',
    'from 8 on, where the tensor before it ends',
    '4',
  ],
  [
    'an empty tensor inside another',
    { a: entry(0, 8), t: entry(4, 4) },
    8,
    'tensor "t" data_offsets',
    'from 8 on, where the tensor before it ends',
    '4',
  ],
  [
    'bytes after the last tensor',
    { t: entry(0, 4) },
    5,
    'the size',
    '66 bytes, where the last tensor ends',
    '67',
  ],
  [
    'a tensor of which a part is in another file',
    { t: entry(0, 8) },
    4,
    'the size',
    '70 bytes, where the last tensor ends',
    '66',
    incomplete,
  ],
];

describe('A safetensors file is refused in one sentence for', () => {
  it.each(cases)('%s', async (_, header, dataBytes, field, expected, found, advice = damaged) => {
    const error = await refusal(read(header, dataBytes));
    expect(error.message).toBe(
      `Expected ${field} of "${path}" to be ${expected}, but found ${found}; ${advice}.`,
    );
    expect(error).toMatchObject({ code: 'ERR_BITNET_SAFETENSORS', path, field, expected, found });
  });

  it('more unknown values than anyone needs', async () => {
    const error = await refusal(read(t(`"x":[${'1,'.repeat(2 ** 20)}1]`)));
    expect(error).toMatchObject({ field: 'tensor "t" other values', expected: 'at most 1048576' });
  });

  it('more tensors than a checkpoint may have', async () => {
    const error = await refusal(read(t(many(262_145, (i) => `"${i}":0`))));
    expect(error).toMatchObject({ field: 'tensor "t" keys', expected: 'at most 262144' });
  });

  it.each([
    ['nothing', '', '8 bytes', 'a file of 0', damaged],
    ['seven bytes', '1234567', '8 bytes', 'a file of 7', damaged],
    [
      'a length beyond the limit',
      '\x01\xe1\xf5\x05\0\0\0\0',
      'at most 100000000',
      '100000001',
      damaged,
    ],
    ['a length of −1', '\xff'.repeat(8), 'at most 100000000', '18446744073709551615', damaged],
    [
      'a length beyond the file',
      '\x03\0\0\0\0\0\0\0{}',
      'at most 2, the bytes after it',
      '3',
      incomplete,
    ],
    [
      'a Git LFS pointer',
      'version https://git-lfs',
      'at most 100000000',
      '2336927755350992246',
      'this is a Git LFS pointer, run "git lfs pull" to get the model itself',
    ],
    [
      'a web page',
      '<!DOCTYPE html>',
      'at most 100000000',
      '5789751444030890300',
      'this is a web page, download the model itself',
    ],
    [
      'a pickle in a zip',
      'PK\x03\x04\0\0\x08\x08',
      'at most 100000000',
      '578712552184433488',
      'this is a PyTorch or zip file, get the model as safetensors',
    ],
    [
      'a GGUF model',
      'GGUF\x03\0\0\0',
      'at most 100000000',
      '14064895815',
      'this is a GGUF file already',
    ],
  ])('%s', async (_, bytes, expected, found, advice) => {
    await writeFile(path, bytes, 'latin1');
    const { message } = await refusal(readSafetensors(path));
    expect(message).toBe(
      `Expected the header length of "${path}" to be ${expected}, but found ${found}; ${advice}.`,
    );
  });

  it('being missing or a folder', async () => {
    expect((await refusal(readSafetensors('none.safetensors'))).message).toBe(
      'Expected a model file at "none.safetensors", but there is none; check the path.',
    );
    expect((await refusal(readSafetensors(temp('.')))).message).toContain(
      'is a directory; give the path of a .safetensors file in it.',
    );
  });
});
