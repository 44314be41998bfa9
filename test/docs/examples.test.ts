import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyAdapter } from '../fixtures/tiny-adapter.js';

// Every block of JavaScript or TypeScript in README.md and docs is run, in a program that has the
// package installed, and its types are checked.

const root = resolve(__dirname, '../..');
const temp = tempFolder();
const folder = temp('program');
const cache = temp('cache');

beforeAll(async () => {
  if (!existsSync(join(root, 'dist/lib/index.js'))) throw new Error('run "npm run build" first.');
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/bitnet'), 'junction');
  symlinkSync(
    join(root, 'node_modules/@types/node'),
    join(folder, 'node_modules/@types/node'),
    'junction',
  );
  // The pulled model that examples name.
  mkdirSync(join(cache, 'models/owner/repo'), { recursive: true });
  const pulled = join(cache, 'models/owner/repo/stories.gguf');
  copyFileSync(join(root, 'models/stories-ternary.gguf'), pulled);
  const { metadata, tensors } = await readGguf(pulled);
  const base = {
    options: { arch: String(metadata.get('general.architecture')) },
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
  };
  for (const [seed, name] of ['formal.gguf', 'poet.gguf'].entries()) {
    await tinyAdapter(base, { seed, size: 0.01 }).write(join(folder, name));
  }
});

interface Example {
  /** File and line. */
  readonly name: string;
  readonly code: string;
}

function examplesIn(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^```(?:js|mjs|cjs|javascript|ts|typescript)\n(.*?)^```/gms)].map(
    (match) => ({
      name: `${file}:${text.slice(0, match.index).split('\n').length}`,
      code: match[1]!,
    }),
  );
}

const files = ['docs', 'docs/cli'].flatMap((place) =>
  readdirSync(join(root, place)).map((name) => `${place}/${name}`),
);
const examples = ['README.md', ...files.filter((name) => name.endsWith('.md'))].flatMap(examplesIn);

/** What is there around a fragment: names of the package, a model, a session. */
const prelude = `
  import { findModel, loadModel } from 'bitnet';
  const model = await loadModel({ chatTemplate: { name: 'chatml' } });
  const session = model.createSession();
  {`;

/** A program of its own says where the package comes from. */
const isProgram = ({ code }: Example) => /['"]bitnet['"]/.test(code);

/** A server is asked once, on any free port, and ends. */
const visit = `
  server.once('listening', async () => {
    const answer = await fetch('http://localhost:' + server.address().port + '/?prompt=The%20cat');
    console.log((await answer.text()).length > 0 ? 'answered' : 'nothing');
    server.close();
    model.close();
  });`;

function programOf(example: Example): string {
  return isProgram(example) ? example.code : `${prelude}\n${example.code}}\nmodel.close();`;
}

/** The program, made to end. */
function endingProgramOf(example: Example): string {
  const code = programOf(example);
  if (!code.includes('server.listen(8080')) return code;
  return code.replace('listen(8080', 'listen(0') + visit;
}

function run(name: string, code: string) {
  writeFileSync(join(folder, name), code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [name], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, BITNET_CACHE: cache },
  });
  return { status, stdout, stderr };
}

it('there are examples', () => {
  expect(examples.map(({ name }) => name.split(':')[0])).toEqual(
    expect.arrayContaining(['README.md', 'docs/api.md', 'docs/bundlers.md']),
  );
});

it.each(examples)('$name runs', (example) => {
  const { status, stderr } = run('example.mjs', endingProgramOf(example));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it.each(['mjs', 'cjs'])('the first example of README.md runs as it is as .%s', (extension) => {
  const { status, stdout, stderr } = run(`first.${extension}`, examplesIn('README.md')[0]!.code);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^, there .*completionTokens: 32/s);
});

it('the types of all examples are right', () => {
  const names = examples.map((example, i) => {
    writeFileSync(join(folder, `types-${i}.mts`), programOf(example));
    return `types-${i}.mts`;
  });
  const options = ['--noEmit', '--target', 'esnext', '--module', 'nodenext', '--types', 'node'];
  // JavaScript says no types: those of parameters are any, as is what is caught.
  const loose = ['--strict', 'false', '--useUnknownInCatchVariables', 'false'];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, ...options, ...loose, ...names], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
});
