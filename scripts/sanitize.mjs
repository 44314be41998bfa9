// Runs the native tests under AddressSanitizer with UndefinedBehaviorSanitizer and, beside it, under ThreadSanitizer.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

// Sanitizers make code up to fifty times slower: they get every test, long ones with fewer combinations.
const env = { BITNET_TEST_QUICK: '1' };
const builds = [
  { sanitizers: 'address,undefined', folder: 'build-address' },
  { sanitizers: 'thread', folder: 'build-thread' },
];

for (const { sanitizers, folder } of builds) {
  await must('cmake', [
    ...['-S', '.', '-B', folder, '-DCMAKE_BUILD_TYPE=RelWithDebInfo'],
    // GCC takes minutes over unrolled kernels with sanitizers at -O2.
    '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1',
    ...['-DBITNET_BUILD_TESTS=ON', `-DBITNET_SANITIZE=${sanitizers}`],
  ]);
  await must('cmake', ['--build', folder, '--parallel', '2']);
}
// Most tests have one thread: two programs fill two cores.
await Promise.all(
  builds.map(async ({ sanitizers, folder }) => {
    const output = await must(`${folder}/bitnet_test`, [], env);
    console.log(`native tests with -fsanitize=${sanitizers}\n${output.trimEnd()}`);
  }),
);

/** Returns what the command prints; ends this process with it if it fails. */
async function must(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const status = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(null);
    });
    child.on('close', resolve);
  });
  if (status === 0) return output;
  console.error(`${output.trimEnd()}\n"${[command, ...args].join(' ')}" failed.`);
  process.exit(1);
}
