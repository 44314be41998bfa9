import { describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { JsonCursor } from '../../lib/json/json-cursor.js';

const limits = { members: 4, depth: 3, values: 12 };

function cursor(text: string | Buffer): JsonCursor {
  return new JsonCursor(
    'the JSON',
    Buffer.from(text as string),
    limits,
    (field, expected, found) => {
      return new BitnetError('ERR_BITNET_FILE', `${field}: ${expected}, ${found}`);
    },
  );
}

async function value(text: string): Promise<unknown> {
  const json = cursor(text);
  const read = await json.value();
  json.end();
  return read;
}

describe('A JSON value', () => {
  it.each([
    '{"a":[1,-2.5e3,"x\\n\\u00e9"],"b":{"c":null}}',
    '[true,false,[]]',
    '"text"',
    ' {} ',
    '0',
  ])('is read as JSON.parse reads it: %s', async (text) => {
    expect(await value(text)).toEqual(JSON.parse(text));
  });

  it('keeps a member that is called as the prototype, and has none', async () => {
    const read = (await value('{"__proto__":{"a":1}}')) as object;
    expect(Object.keys(read)).toEqual(['__proto__']);
    expect('toString' in read).toBe(false);
  });

  it.each([
    ['the same twice', '{"a":1,"a":2}', 'keys: different'],
    ['too many members', '{"a":1,"b":1,"c":1,"d":1,"e":1}', 'keys: at most 4'],
    ['too deep', '[[[[]]]]', 'nesting: at most 3 levels'],
    ['too much', '[1,1,1,1,1,1,1,1,1,1,1,1]', 'other values: at most 12'],
    ['no value', '[nul]', 'a value at character 1'],
    ['the end', '[1', '"," or "]" at character 2'],
    ['a comma too many', '[1,]', 'a value at character 3'],
    ['something behind it', '1 2', 'its end at character 2'],
    ['half a surrogate pair', '"\\ud800"', 'a valid string'],
  ])('is refused with %s', async (_, text, message) => {
    await expect(value(text)).rejects.toThrow(message);
  });

  it('lets the event loop turn, however many values it has', async () => {
    const most = 2 ** 20;
    const fault = (...what: (string | undefined)[]) =>
      new BitnetError('ERR_BITNET_FILE', what.join());
    const bytes = Buffer.from(`[${'{"a":0},'.repeat(200_000)}0]`);
    for (const walk of ['value', 'skip'] as const) {
      const json = new JsonCursor('it', bytes, { members: 1, depth: 3, values: most }, fault);
      let turns = 0;
      let done = false;
      const turn = () => {
        turns++;
        if (!done) setImmediate(turn);
      };
      setImmediate(turn);
      await json[walk]();
      done = true;
      expect(turns).toBeGreaterThan(2);
    }
  });

  it('is refused where its bytes are no UTF-8', () => {
    expect(() => cursor(Buffer.from([0x22, 0xff, 0x22]))).toThrow('UTF-8');
  });
});
