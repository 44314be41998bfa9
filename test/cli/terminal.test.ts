import { expect, test } from 'vitest';
import { printable } from '../../bin/terminal.mjs';

test('generated text keeps letters, newlines and tabs, and loses everything that could drive the terminal', () => {
  expect(printable('one\ttwo\né €😀')).toBe('one\ttwo\né €😀');
  expect(printable('\x1b[2Jred\x1b]0;title\x07\r\b\x7f\u009b31m')).toBe('[2Jred]0;title31m');
});
