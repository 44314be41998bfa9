import { expect, test } from 'vitest';
import { resolveEscapes } from '../../bin/commands/escapes.mjs';

test('escapes are those of llama.cpp: letters, quotes, bytes that make UTF-8 together; others stay', () => {
  expect(resolveEscapes(String.raw`a\n\t\r\\n\'\"\xc3\xb6\x4`)).toBe('a\n\t\r\\n\'"ö\\x4');
  expect(resolveEscapes(String.raw`\d \N ö\ `)).toBe(String.raw`\d \N ö\ `);
});
