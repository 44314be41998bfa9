import { describe, expect, test } from 'vitest';
import { type Message, MessageLines } from '../../bin/message-lines.mjs';

/** The messages in lines, and what is left at their end. */
function messages(...lines: string[]): (Message | undefined)[] {
  const reader = new MessageLines();
  const complete = lines
    .map((line) => reader.push(line))
    .filter((message) => message !== undefined);
  const rest = reader.flush();
  return rest === undefined ? complete : [...complete, rest];
}

const plain = (text: string) => ({ text, plain: true });
const whole = (text: string) => ({ text, plain: false });

describe('lines become messages', () => {
  test.each<[string, string[], (Message | undefined)[]]>([
    ['one each', ['a', '', ' b '], [plain('a'), plain(''), plain(' b ')]],
    ['with a backslash at the end', ['a\\', 'b \\', 'c', 'd'], [whole('a\nb \nc'), plain('d')]],
    ['but not with two', ['a\\\\', 'b\\\\\\', 'c'], [plain('a\\\\'), whole('b\\\\\nc')]],
    ['between quotes', ['"""', 'a\\', '', ' b', '"""', 'c'], [whole('a\\\n\n b'), plain('c')]],
    ['that begin and end in quotes', ['"""a', 'b"""'], [whole('a\nb')]],
    ['in quotes on one line', ['"""/help"""', '""""""'], [whole('/help'), whole('')]],
    ['quotes inside of a line', ['a """ b"""'], [plain('a """ b"""')]],
    ['that end too soon', ['a\\', 'b\\'], [whole('a\nb')]],
    ['quotes that end too soon', ['"""a', 'b'], [whole('a\nb')]],
  ])('%s', (_, lines, expected) => {
    expect(messages(...lines)).toEqual(expected);
  });

  test('and are forgotten when cleared', () => {
    const reader = new MessageLines();
    reader.push('"""a');
    expect(reader.open).toBe(true);
    reader.clear();
    expect(reader.open).toBe(false);
    expect(reader.push('b')).toEqual(plain('b'));
  });
});
