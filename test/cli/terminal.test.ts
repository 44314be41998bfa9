import { describe, expect, test } from 'vitest';
import { escaped, printable } from '../../bin/terminal.mjs';

describe('text for a terminal', () => {
  test('keeps letters, newlines and tabs, and loses everything that could drive the terminal', () => {
    expect(printable('one\ttwo\né €😀')).toBe('one\ttwo\né €😀');
    expect(printable('\x1b[2Jred\x1b]0;title\x07\r\b\x7f\u009b31m')).toBe('[2Jred]0;title31m');
  });
});

describe('a name from a file', () => {
  test('is one line on which control characters and changes of direction are visible', () => {
    expect(escaped('blk.0\n\x1b[2J\u009b\u202e\u2028\ud800x')).toBe(
      'blk.0\\n\\u001b[2J\\u009b\\u202e\\u2028\\ud800x',
    );
    expect(escaped('Ġthe €😀')).toBe('Ġthe €😀');
  });
});
