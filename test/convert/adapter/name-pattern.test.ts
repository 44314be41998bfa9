import { expect, it } from 'vitest';
import { namePattern } from '../../../lib/convert/adapter/name-pattern.js';

const module = 'model.layers.12.self_attn.q_proj';

it.each([
  ['q_proj', true],
  ['self_attn.q_proj', true],
  ['layers\\.1[0-9]\\.self_attn\\.(q|k)_proj', true],
  ['.*\\.q_proj', true],
  ['layers.\\d+.self_attn.q_proj', true],
  ['proj', false],
  ['_proj', false],
  ['k_proj', false],
  ['layers.1.self_attn.q_proj', false],
])('the key %s names the module or not: %s', (key, expected) => {
  expect((namePattern(key) as (module: string) => boolean)(module)).toBe(expected);
});

it.each([
  '(a+)+x',
  '(a|a)*x',
  '((a|b)c)*',
  '(.*)*q_proj',
  '.*.*.*.*x',
  '(q)_\\1',
  '(?=q)q_proj',
  '(q_proj',
  'q_proj)',
  '[q_proj',
  '*q',
  'q'.repeat(1000),
])('the key %s is refused at once', (key) => {
  expect(typeof namePattern(key)).toBe('string');
});
