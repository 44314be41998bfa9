// Builds, then runs the native tests and the TypeScript tests; arguments go to vitest.
// Ends with one line that counts both: "N passed, N failed".
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const report = join(root, 'build', 'vitest.json');

let passed = 0;
let failed = 0;
must('build', [process.execPath, 'scripts/build.mjs']);
const native = join(root, 'build'); // whose core is compiled already
must('native test build', ['cmake', '-S', '.', '-B', native, '-DBITNET_BUILD_TESTS=ON'], 'quiet');
must(
  'native test build',
  ['cmake', '--build', native, '--target', 'bitnet_test', '--parallel', '2'],
  'quiet',
);
runNative();
runVitest();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function runNative() {
  const result = run([join(native, 'bitnet_test')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(result.stdout);
  const counts = /(\d+) passed, (\d+) failed\s*$/.exec(result.stdout);
  passed += Number(counts?.[1] ?? 0);
  failed += Number(counts?.[2] ?? 0);
  if (result.status !== 0 && !Number(counts?.[2])) failed += 1; // it crashed
  const checks = run(
    ['ctest', '--test-dir', native, '--output-on-failure', '--exclude-regex', '^bitnet_test$'],
    { stdio: 'inherit' },
  );
  if (checks.status !== 0) failed += 1;
}

function runVitest() {
  const arguments_ = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const result = run([process.execPath, ...arguments_, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  passed += counts.numPassedTests ?? 0;
  failed += counts.numFailedTests ?? 0;
  if (result.status !== 0 && !counts.numFailedTests) failed += 1; // it crashed, or a file did not load
  // Reference material beside the project makes every test runnable: a skipped one hides a missing proof.
  const proofs = /[\\/]test[\\/](engine|golden|reference|tokenizer|gguf|model)[\\/]/;
  const skipped = (counts.testResults ?? [])
    .filter((file) => proofs.test(file.name))
    .flatMap((file) => file.assertionResults)
    .filter(
      (test) =>
        test.status !== 'passed' && test.status !== 'failed' && !test.title.includes('as root'),
    ).length;
  if (skipped > 0 && existsSync(join(root, '..', 'shared'))) {
    console.log(
      `${skipped} tests were skipped although ../shared is there: that counts as a failure.`,
    );
    failed += 1;
  }
}

function must(what, command, noise) {
  const result = run(
    command,
    noise === 'quiet' ? { stdio: 'pipe', encoding: 'utf8' } : { stdio: 'inherit' },
  );
  if (result.status === 0) return;
  if (noise === 'quiet') process.stderr.write(`${result.stdout}${result.stderr}`);
  console.error(`The ${what} failed.`);
  process.exit(1);
}

function run([command, ...rest], options) {
  return spawnSync(command, rest, { cwd: root, maxBuffer: 1 << 28, ...options });
}
