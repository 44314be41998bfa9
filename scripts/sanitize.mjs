// Runs the native tests under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer.
import { spawnSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

for (const sanitizers of ['address,undefined', 'thread']) {
  const folder = `build-${sanitizers.split(',')[0]}`;
  run('cmake', [
    '-S',
    '.',
    '-B',
    folder,
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    '-DBITNET_BUILD_TESTS=ON',
    `-DBITNET_SANITIZE=${sanitizers}`,
  ]);
  run('cmake', ['--build', folder, '--parallel', '2']);
  console.log(`native tests with -fsanitize=${sanitizers}`);
  // ThreadSanitizer makes kernels fifty times slower: it gets every test with fewer combinations.
  const quick = sanitizers === 'thread' ? { BITNET_TEST_QUICK: '1' } : {};
  run(`${folder}/bitnet_test`, [], 'inherit', quick);
}

function run(command, args, stdio = 'pipe', env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return;
  process.stderr.write(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`,
  );
  console.error(`"${[command, ...args].join(' ')}" failed.`);
  process.exit(1);
}
