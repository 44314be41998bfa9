import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';

const root = resolve(__dirname, '../..');
const temp = tempFolder();
const consumer = temp('consumer');
const installed = join(consumer, 'node_modules', 'bitnet');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Makes a dependency of the clone visible in a folder. */
function link(name: string, folder: string): void {
  const place = join(folder, 'node_modules', name);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), place, 'junction');
}

// Installed as npm would, without its network: the tarball unpacked, and of the clone's
// dependencies only those that package.json declares (and Node's types, for the consumer's own code).
beforeAll(() => {
  for (const built of ['dist/lib/index.js', `prebuilds/${process.platform}-${process.arch}`]) {
    if (!existsSync(join(root, built))) throw new Error(`no ${built}: run "npm run build" first.`);
  }
  mkdirSync(installed, { recursive: true });
  const pack = ['pack', '--ignore-scripts', '--pack-destination', consumer];
  execFileSync('npm', pack, { cwd: root, stdio: 'pipe', shell: process.platform === 'win32' });
  const tarball = readdirSync(consumer).find((name) => name.endsWith('.tgz'))!;
  execFileSync('tar', ['-xzf', join(consumer, tarball), '-C', installed, '--strip-components=1']);
  for (const name of [...Object.keys(own.dependencies), '@types/node']) link(name, consumer);
});

/** Runs a script of the consumer; a crash or an error shows in what is compared. */
function run(
  file: string,
  source: string,
): Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'> {
  writeFileSync(join(consumer, file), source);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
    cwd: consumer,
    encoding: 'utf8',
  });
  return { status, stdout: stdout.trim(), stderr };
}

const clean = (stdout: string) => ({ status: 0, stdout, stderr: '' });

describe('the package', () => {
  it('holds what runs and its sources, and nothing else', () => {
    const names = readdirSync(installed);
    for (const name of ['LICENSE', 'README.md', 'dist', 'models', 'native', 'prebuilds']) {
      expect(names, name).toContain(name);
    }
    for (const name of ['test', 'bench', 'bin', 'lib', 'scripts', 'build', '.ci', 'node_modules']) {
      expect(names, name).not.toContain(name);
    }
    expect(readdirSync(join(installed, 'dist')).sort()).toEqual([
      ...['bench', 'bin', 'bitnet.1', 'lib'],
    ]);
    // A process of its own, started by its path.
    expect(existsSync(join(installed, 'dist/bench/trial/trial.js'))).toBe(true);
    expect(readdirSync(join(installed, 'models'))).toEqual(
      expect.arrayContaining(['LICENSE', 'stories-ternary.gguf']),
    );
    expect(own.scripts).not.toHaveProperty('install');
    expect(own.scripts).not.toHaveProperty('postinstall');
  });

  it('links in its pages to nothing that it does not hold', () => {
    const pages = readdirSync(installed, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(installed, name));
    const links = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1]!)
        .filter((target) => !/^[a-z]+:/.test(target))
        .map((target) => ({ page, target, place: resolve(dirname(page), target) })),
    );
    expect(links.length).toBeGreaterThan(50);
    const dead = links.filter(({ place }) => !place.startsWith(installed) || !existsSync(place));
    expect(dead).toEqual([]);
  });

  const story = `
    const model = await loadModel();
    const session = model.createSession();
    const { text } = await session.complete('Once upon a time', { temperature: 0, maxTokens: 6 });
    console.log(text);
    model.close();`;
  const written = ', there was a little girl';

  it('can be required', () => {
    const source = `const { loadModel } = require('bitnet'); (async () => {${story}})();`;
    expect(run('required.cjs', source)).toEqual(clean(written));
  });

  it('can be imported', () => {
    const source = `import { loadModel } from 'bitnet'; ${story}`;
    expect(run('imported.mjs', source)).toEqual(clean(written));
  });

  it('is the same thing either way, so that errors and models are of one kind', () => {
    const source = `
      import * as imported from 'bitnet';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('bitnet');
      const names = Object.keys(required).filter((name) => name !== '__esModule');
      console.log(names.every((name) => imported[name] === required[name]), names.sort().join());
      const error = await imported.loadModel('nothere.gguf').catch((error) => error);
      console.log(error instanceof required.BitnetError, error.code);`;
    const { status, stdout, stderr } = run('both.mjs', source);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [names, error] = stdout.split('\n');
    expect(names).toMatch(/^true BitnetError,.*cpuInfo,.*loadModel/);
    expect(names).not.toMatch(/(,|\b)(Chat|Model|Session)(,|$)/); // types only
    expect(error).toBe('true ERR_BITNET_FILE');
  });

  it('works where modules are functions called with a require of their own, as in Jest', () => {
    const source = `
      const fs = require('node:fs'), path = require('node:path'), vm = require('node:vm'), Module = require('node:module');
      const context = vm.createContext({ process, Buffer, setInterval, clearInterval, setTimeout, clearTimeout, setImmediate, performance, AbortController, TextDecoder, TextEncoder, queueMicrotask, console });
      const registry = new Map();
      function load(file) {
        if (registry.has(file)) return registry.get(file).exports;
        const module = { exports: {} };
        registry.set(file, module);
        const plain = Module.createRequire(file);
        const inner = (name) => {
          const resolved = plain.resolve(name);
          return path.isAbsolute(resolved) && resolved.includes('bitnet') && resolved.endsWith('.js') ? load(resolved) : plain(name);
        };
        inner.resolve = plain.resolve;
        const wrapped = vm.compileFunction(fs.readFileSync(file, 'utf8'), ['exports', 'require', 'module', '__filename', '__dirname'], { filename: file, parsingContext: context });
        wrapped(module.exports, inner, module, file, path.dirname(file));
        return module.exports;
      }
      const { loadModel } = load(require.resolve('bitnet'));
      (async () => {
        const model = await loadModel(undefined, { signal: new AbortController().signal });
        const session = model.createSession();
        const { text } = await session.complete('Once upon a time', { temperature: 0, maxTokens: 6 });
        console.log(text, (await session.evaluate([1], { top: 2 })).ids.length);
        await loadModel('nothere.gguf').catch((error) => console.log(error.code));
      })();`;
    expect(run('jest-like.cjs', source)).toEqual(clean(`${written} 2\nERR_BITNET_FILE`));
  });

  it('brings the command', () => {
    const bin = join(installed, own.bin.bitnet);
    expect(readFileSync(bin, 'utf8').split('\n', 1)[0]).toBe('#!/usr/bin/env node');
    const tell = ['run', '-p', 'Once upon a time', '--temp', '0', '-n', '6', '--quiet'];
    const { status, stdout } = spawnSync(process.execPath, [bin, ...tell], {
      encoding: 'utf8',
      cwd: consumer,
    });
    expect(status).toBe(0);
    expect(stdout).toContain(written);
    const version = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' });
    expect(version.stdout.split(' ')[0]!.trim()).toBe(own.version);
  });

  it.each(['node16', 'nodenext'])(
    'has types that resolve in both kinds of modules, %s',
    (module) => {
      const source = `
      // @ts-expect-error there is no default, in either kind
      import bitnet from 'bitnet';
      import { type BitnetError, type CpuInfo, cpuInfo, type Generation, loadModel, type Model, type ModelSpec, type Session, type TopTokens } from 'bitnet';
      export async function tell(path?: string): Promise<string> {
        const model: Model = await loadModel(path, { threads: 2, onProgress: (fraction: number) => fraction });
        const spec: ModelSpec = model.spec;
        const session: Session = model.createSession({ contextLength: spec.contextLength });
        const logits: Float32Array = await session.evaluate([1, 2], { logits: 'all' });
        const top: TopTokens = await session.evaluate(Int32Array.of(1), { top: 2 });
        const generation: Generation = session.generate('Once', { temperature: 0, stop: ['.'] });
        for await (const { text, ids } of generation) console.log(text.length, ids.length, logits.length, top.ids);
        const { stopReason } = await generation.result;
        const info: CpuInfo = cpuInfo();
        // @ts-expect-error there is no such option
        await loadModel(path, { thread: 2 });
        return stopReason + info.threads;
      }
      export const code = (error: BitnetError): \`ERR_BITNET_\${string}\` => error.code;`;
      writeFileSync(join(consumer, 'consumer.cts'), source);
      writeFileSync(join(consumer, 'consumer.mts'), source);
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const options = [
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--module',
        module,
        '--types',
        'node',
      ];
      const { stdout, status } = spawnSync(
        process.execPath,
        [tsc, ...options, 'consumer.cts', 'consumer.mts'],
        { cwd: consumer, encoding: 'utf8' },
      );
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    },
  );
});

describe('the types', () => {
  // Without Node's types: what they name comes from the libraries of TypeScript.
  const bare = temp('bare');
  const check = (source: string, ...options: string[]) => {
    mkdirSync(join(bare, 'node_modules'), { recursive: true });
    if (!existsSync(join(bare, 'node_modules/bitnet'))) {
      symlinkSync(installed, join(bare, 'node_modules/bitnet'), 'junction');
    }
    writeFileSync(join(bare, 'bare.mts'), source);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const all = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--preserveSymlinks'];
    const { stdout, status } = spawnSync(
      process.execPath,
      [tsc, ...all, '--target', 'es2022', '--module', 'nodenext', ...options, 'bare.mts'],
      { cwd: bare, encoding: 'utf8' },
    );
    return { stdout, status };
  };

  it.each([[[]], [['--lib', 'es2022,dom']], [['--lib', 'esnext,dom']]])(
    'need no @types/node, checked themselves, %j',
    (options) => {
      const source = `
        import { BitnetError, loadModel, type Chat, type Decision, type Model, type Pooling, type Prompt, type Session, type StopReason, type Timings, type TokenIds, type Usage } from 'bitnet';
        const model: Model = await loadModel({ path: new URL('file:///model.gguf'), threads: 2 });
        using session: Session = model.createSession();
        await using chat: Chat = model.createChat();
        const ids: TokenIds = Int32Array.of(1, 2);
        const prompt: Prompt = ids;
        const { usage, timings, stopReason }: { usage: Usage; timings: Timings; stopReason: StopReason } =
          await session.generate(prompt).result;
        const { text, keptTokens } = await chat.complete('Hi', { stop: ['.'] });
        const pooling: Pooling | undefined = model.spec.pooling;
        const decisions: readonly Decision[] = model.decisions;
        try {
          await session.complete(Uint16Array.of(1));
        } catch (error) {
          if (!(error instanceof BitnetError)) throw error;
          if (error.code === 'ERR_BITNET_ABORTED' || error.code === 'ERR_BITNET_CLOSED') {
            const told: [string | undefined, readonly number[] | undefined, Usage | undefined] = [error.text, error.ids, error.usage];
          }
          if (error.code === 'ERR_BITNET_CONTEXT') error.room satisfies number | undefined;
          // @ts-expect-error not every error has it
          error.room;
        }
        // @ts-expect-error bytes of a text are no ids
        session.generate(new Uint8Array(2));
        // @ts-expect-error made by loadModel only
        new (await import('bitnet')).Model();
        // @ts-expect-error internal
        session.evaluator;`;
      expect(check(source, ...options)).toEqual({ status: 0, stdout: '' });
    },
  );
});

it('the clone itself can be required', () => {
  const source = `
    const { loadModel } = require(${JSON.stringify(root)});
    loadModel().then((model) => { console.log(model.spec.vocabSize); model.close(); });`;
  expect(run('clone.cjs', source)).toEqual(clean('4096'));
});
