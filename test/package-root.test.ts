import { mkdirSync, writeFileSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { findPackageRoot } from '../lib/package-root.js';
import { tempFolder } from './fixtures/temp-folder.js';

const temp = tempFolder();

it('the package is found from any folder in it', () => {
  const root = resolve(__dirname, '..');
  expect(findPackageRoot(root)).toBe(root);
  expect(findPackageRoot(join(root, 'dist/lib'))).toBe(root);
});

it('the package is looked for above those of others, readable or not', () => {
  const inner = temp('bitnet/node_modules/other/dist');
  mkdirSync(inner, { recursive: true });
  writeFileSync(temp('bitnet/package.json'), '{ "name": "bitnet" }');
  writeFileSync(temp('bitnet/node_modules/other/package.json'), '{ "name": "other" }');
  writeFileSync(join(inner, 'package.json'), 'null');
  expect(findPackageRoot(inner)).toBe(temp('bitnet'));
  writeFileSync(join(inner, 'package.json'), 'not JSON');
  expect(findPackageRoot(inner)).toBe(temp('bitnet'));
});

it.each([
  ['the root of all folders', () => parse(process.cwd()).root],
  ['a folder of a bundle', () => temp('')],
])('code in %s says what to do about the bundler', (_, folder) => {
  expect(() => findPackageRoot(folder())).toThrow(
    expect.objectContaining({
      code: 'ERR_BITNET_ADDON',
      message: expect.stringMatching(/^Expected bitnet's own files .*mark bitnet as external/),
    }),
  );
});
