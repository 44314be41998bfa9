// Checks the core and the addon with the compilers that do not build them here: Clang, and MinGW for Windows. MinGW is the GCC
// that builds the kernels here, and they include nothing of a system: they are left out there. Nothing is generated but
// precompiled headers; a warning is a failure. Needs (Debian): cmake, clang, g++-mingw-w64-x86-64-posix.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import headers from 'node-api-headers';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const compilers = {
  clang: ['-DCMAKE_CXX_COMPILER=clang++'],
  mingw: [`-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake/x86_64-w64-mingw32.cmake')}`],
};

const jobs = Object.entries(compilers).flatMap(([name, options]) =>
  commandsOf(name, options).map((job) => ({ name, ...job })),
);
let failed = 0;
const isHeader = ({ file }) => file.endsWith('/cmake_pch.hxx.cxx');
await checkAll(jobs.filter(isHeader)); // which the others include
await checkAll(jobs.filter((job) => !isHeader(job)));
console.log(`${jobs.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** How CMake would compile each file. */
function commandsOf(name, options) {
  const folder = join(root, `build-${name}`);
  const args = [
    ...['-S', '.', '-B', folder, '-DBITNET_PRECOMPILE=ON'],
    ...[...options, `-DCMAKE_JS_INC=${headers.include_dir}`],
  ];
  const { status, stdout, stderr } = spawnSync('cmake', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) {
    console.error(`${stdout}${stderr}\nConfiguring for ${name} failed.`);
    process.exit(1);
  }
  const commands = JSON.parse(readFileSync(join(folder, 'compile_commands.json'), 'utf8'));
  return commands.filter(({ file }) => name !== 'mingw' || !/\/kernels\/\w+\//.test(file));
}

async function checkAll(some) {
  const queue = some.values();
  const worker = async () => {
    for (const job of queue) await check(job);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function check(job) {
  const { name, directory, command, file } = job;
  const [compiler, ...args] = command.split(' ').filter(Boolean); // of which none has a space
  const flags = args.map((arg) => (/^-O\d$/.test(arg) ? '-O0' : arg));
  if (!isHeader(job)) flags.splice(flags.indexOf('-o'), 2, '-fsyntax-only');
  const child = spawn(compiler, [...flags, '-Werror'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
  }
  const status = await new Promise((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', done);
  });
  if (status === 0) return;
  failed += 1;
  console.error(`${file} with ${name}:\n${text}${status}`);
}
