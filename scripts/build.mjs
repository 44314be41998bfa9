// Builds the addon and the TypeScript, incrementally; everything it says goes to stderr,
// because `npm pack --json` and the like own stdout.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

run('native addon', process.execPath, [
  bin('cmake-js', 'bin/cmake-js'),
  ...['build', '--silent', '--target', 'bitnet'], // not the tests that test.mjs adds to the folder
]);
install(
  join(root, 'build/Release/bitnet.node'),
  join(root, `prebuilds/${process.platform}-${process.arch}/bitnet.node`),
);
run('TypeScript', process.execPath, [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json']);
removeStale();
await writeManPage();
chmodSync(join(root, 'dist/bin/bitnet.mjs'), 0o755); // for `npx bitnet`: not every npm command does it

/** Removes what was compiled of sources that have moved since: the package would hold it. */
function removeStale() {
  for (const folder of ['lib', 'bench', 'bin']) {
    for (const name of readdirSync(join(root, 'dist', folder), { recursive: true })) {
      const source = name.replace(/(\.d)?\.(m?)(js|ts)$/, '.$2ts');
      const compiled = join(root, 'dist', folder, name);
      if (!existsSync(join(root, folder, source)))
        rmSync(compiled, { recursive: true, force: true });
    }
  }
}

/** Writes bitnet(1) from the definitions of the commands that were just compiled. */
async function writeManPage() {
  const { manPage } = await import(pathToFileURL(join(root, 'dist/bin/man-page.mjs')));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(root, 'dist/bitnet.1'), await manPage(version));
}

/** The script behind a development dependency's command, without a shell in between. */
function bin(name, script) {
  const path = join(root, 'node_modules', name, script);
  if (!existsSync(path))
    fail(`Building bitnet needs its development dependencies: run "npm install" in ${root}.`);
  return path;
}

function run(what, command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), ...process.env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return;
  process.stderr.write(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`,
  );
  fail(
    `Building the ${what} failed (see above). It needs CMake 3.18 or newer and a C++20 compiler ` +
      '(Debian: apt-get install cmake g++ make; macOS: xcode-select --install and CMake; Windows: Visual Studio Build Tools).',
  );
}

/** Copies a built file only when it changed, so that an unchanged addon keeps its time stamp. */
function install(from, to) {
  if (
    existsSync(to) &&
    statSync(to).size === statSync(from).size &&
    readFileSync(to).equals(readFileSync(from))
  )
    return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to); // a process that has the old one loaded would not survive a change in place
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
