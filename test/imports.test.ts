import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, it } from 'vitest';
import { plainFolders } from '../vitest.config.mjs';

const root = join(__dirname, '..');
const folders = ['lib', 'bench', 'bin'];

/** Which source files each source file names, whether for values or for types. */
const imports = new Map(sources().map((file) => [file, importsOf(file)]));

function sources(): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.m?ts$/.test(name))
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
  );
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifier = /\b(?:from|import|require)\s*\(?\s*'(\.[^']+)'/g;
  return [...text.matchAll(specifier)]
    .map(([, name]) => posix.join(posix.dirname(file), name!))
    .map((path) => path.replace(/\.(m?)js$/, '.$1ts'))
    .filter((path) => !path.endsWith('.json'));
}

/** Every circle that a walk along the imports runs into, as a list of its files. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string) => {
    if (way.includes(file)) found.push(way.slice(way.indexOf(file)));
    if (done.has(file)) return;
    done.add(file);
    way.push(file);
    for (const next of imports.get(file)!) visit(next);
    way.pop();
  };
  for (const file of imports.keys()) visit(file);
  return found;
}

it('every import of a file of ours is found', () => {
  const named = [...imports.values()].flat();
  expect(named.filter((path) => !imports.has(path))).toEqual([]);
  expect(named.length).toBeGreaterThan(1000);
});

it('no files import each other in a circle, for types neither', () => {
  expect(circles()).toEqual([]);
});

it('imports go from bin to bench to lib, and never back', () => {
  const rank = (path: string) => folders.indexOf(path.split('/')[0]!);
  const back = [...imports].flatMap(([file, named]) =>
    named.filter((path) => rank(path) > rank(file)).map((path) => `${file} → ${path}`),
  );
  expect(back).toEqual([]);
});

it('a program that requires the package loads nothing that measures', () => {
  const script = `
    require(${JSON.stringify(root)});
    console.log(JSON.stringify(Object.keys(require.cache)));`;
  const output = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const loaded = (JSON.parse(output) as string[]).map((path) =>
    posix.relative(root, path.replaceAll('\\', '/')),
  );
  expect(loaded).toContain('dist/lib/index.js');
  expect(loaded.filter((path) => !path.startsWith('dist/lib/'))).toEqual([]);
});

it('a command starts without the others, and loads of the library what it calls', () => {
  const folder = 'dist/bin/commands/';
  const commands = loadedWith('dist/bin/bitnet.mjs').filter((path) => path.startsWith(folder));
  expect(commands.map((path) => path.slice(folder.length)).sort()).toEqual([
    ...['completion.mjs', 'help.mjs', 'index.mjs'],
  ]);
  const compiled = readdirSync(join(root, 'dist/bin'), { recursive: true, encoding: 'utf8' });
  const all = compiled
    .filter((name) => name.endsWith('.mjs'))
    .filter((name) => readFileSync(join(root, 'dist/bin', name), 'utf8').includes('lib/index.js'));
  expect(all).toEqual([]);
});

/** The compiled files that are loaded with one, before anything is called. */
function loadedWith(start: string): string[] {
  const found = new Set([start]);
  for (const file of found) {
    const text = readFileSync(join(root, file), 'utf8');
    const specifier = /\bfrom '(\.[^']+)'|\brequire\("(\.[^"]+)"\)/g; // of modules, and of CommonJS
    for (const [, module, script] of text.matchAll(specifier))
      found.add(posix.join(posix.dirname(file), (module ?? script)!));
  }
  return [...found];
}

it('tests that share a process cannot load the addon', () => {
  const tests = plainFolders.flatMap((folder) =>
    readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${folder}/${name.replaceAll('\\', '/')}`),
  );
  expect(tests.length).toBeGreaterThan(50);
  expect(tests.filter((test) => reached(test).has('lib/native.ts'))).toEqual([]);
});

/** The source files that one loads in the end. */
function reached(start: string): Set<string> {
  const found = new Set([start]);
  for (const file of found) {
    const text = readFileSync(join(root, file), 'utf8').replaceAll(
      /^(im|ex)port type [^;]*;/gm,
      '',
    );
    for (const [, name] of text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const path = posix.join(posix.dirname(file), name!).replace(/\.(m?)js$/, '.$1ts');
      if (/\.m?ts$/.test(path)) found.add(path);
    }
  }
  return found;
}

it('includes in native go from the binding to common, and never back or sideways', () => {
  const ranks = [
    ['binding'],
    ['load', 'engine', 'quantize', 'self_test', 'machine'],
    ['graph', 'grammar'],
    ['formats', 'kernels'],
    ['common'],
  ];
  const rank = (room: string) => ranks.findIndex((rooms) => rooms.includes(room));
  const native = join(root, 'native');
  const files = readdirSync(native, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(cpp|h)$/.test(name));
  const rooms = new Set(files.map((file) => file.split('/')[0]!));
  expect([...rooms].sort()).toEqual(ranks.flat().sort());
  const wrong = files.flatMap((file) => {
    const room = file.split('/')[0]!;
    const text = readFileSync(join(native, file), 'utf8');
    return [...text.matchAll(/^#include "([^"]+)"/gm)]
      .flatMap(([, name]) => [posix.join(posix.dirname(file), name!), name!])
      .filter((path) => files.includes(path))
      .filter((path) => path.split('/')[0] !== room && rank(path.split('/')[0]!) <= rank(room))
      .map((path) => `${file} → ${path}`);
  });
  expect(wrong).toEqual([]);
});
