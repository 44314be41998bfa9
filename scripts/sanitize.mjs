// Runs the native tests under AddressSanitizer with UndefinedBehaviorSanitizer and, beside it, those with threads under
// ThreadSanitizer; then loads and uses mutated models with the addon under the former. "--mutants 20000" is the long form.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const { values } = parseArgs({ options: { mutants: { type: 'string', default: '1000' } } });

// Sanitizers make code up to fifty times slower: long tests run fewer combinations, and under AddressSanitizer in the short form
// the fewest. ThreadSanitizer gets the tests that have threads (CMakeLists.txt), and keeps what these do together.
const quick = { BITNET_TEST_QUICK: '1' };
const fewest = Number(values.mutants) <= 1000 ? { BITNET_TEST_FEW: '1' } : {};
const builds = [
  {
    sanitizers: 'address,undefined',
    folder: 'build-address',
    addon: [`-DCMAKE_JS_INC=${join(root, 'node_modules/node-api-headers/include')}`],
    env: { ...quick, ...fewest },
  },
  { sanitizers: 'thread', folder: 'build-thread', addon: [], env: quick },
];

for (const { sanitizers, folder, addon } of builds) {
  await must('cmake', [
    ...['-S', '.', '-B', folder, '-DCMAKE_BUILD_TYPE=RelWithDebInfo'],
    // GCC takes minutes over unrolled kernels with sanitizers at -O2.
    '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1',
    ...[
      '-DBITNET_BUILD_TESTS=ON',
      '-DBITNET_PRECOMPILE=ON',
      `-DBITNET_SANITIZE=${sanitizers}`,
      ...addon,
    ],
  ]);
  await must('cmake', ['--build', folder, '--parallel', '2']);
}
// Most tests have one thread: two programs fill two cores.
await Promise.all(
  builds.map(async ({ sanitizers, folder, env }) => {
    const output = await must(`${folder}/bitnet_test`, [], env);
    console.log(`native tests with -fsanitize=${sanitizers}\n${output.trimEnd()}`);
  }),
);

const preloaded = (await must('gcc', ['-print-file-name=libasan.so'])).trim();
const mutants = await must(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz'],
  {
    LD_PRELOAD: preloaded,
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    BITNET_FUZZ_PACKAGE: packageWithAddon('build-address'),
    BITNET_FUZZ_LOADS: values.mutants,
  },
);
console.log(
  `${values.mutants} mutated models with -fsanitize=address,undefined\n${mutants.trim()}`,
);

/** A folder like that of the package whose addon is the one built in `build`. */
function packageWithAddon(build) {
  const folder = join(root, build, 'package');
  const prebuilds = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(prebuilds, { recursive: true });
  for (const name of ['package.json', 'models']) symlinkSync(join(root, name), join(folder, name));
  symlinkSync(join(root, build, 'bitnet.node'), join(prebuilds, 'bitnet.node'));
  return folder;
}

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
