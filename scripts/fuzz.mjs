// Coverage-guided fuzzing: session files, tensor formats and grammars under libFuzzer with ASan and UBSan, the reader of the GGUF header
// and the tokenizer, which are not native, by test/fuzz/guided.mjs. Starts from test/fuzz/corpus; what it finds stays in build/fuzz.
// "--seconds 600" is the time of each target, "--target tokenizer" chooses one. Needs (Debian): cmake, clang.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'build-fuzz');

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '15' }, target: { type: 'string' } },
});

const targets = {
  session: { native: true },
  formats: { native: true },
  grammar: { native: true },
  gguf: {},
  tokenizer: {},
};
const chosen = Object.entries(targets).filter(([name]) => !values.target || name === values.target);
if (chosen.length === 0) {
  console.error(`Expected --target to be one of ${Object.keys(targets).join(', ')}.`);
  process.exit(2);
}

if (chosen.some(([, target]) => target.native)) {
  const options = [
    '-DCMAKE_CXX_COMPILER=clang++',
    '-DBITNET_BUILD_FUZZERS=ON',
    '-DBITNET_PRECOMPILE=ON',
  ];
  await must('cmake', ['-S', '.', '-B', native, ...options]);
  const cores = String(availableParallelism());
  await must('cmake', ['--build', native, '--target', 'bitnet_fuzzers', '--parallel', cores]);
}
let failed = 0;
const queue = chosen.values();
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function worker() {
  for (const [name, target] of queue) {
    const { status, output } = await fuzz(name, target);
    const executed = /Done (\d+) runs/.exec(output)?.[1];
    if (status === 0 && executed !== undefined) {
      console.log(`fuzz ${name}: ${executed} runs, ${covered(output)}`);
      continue;
    }
    failed += 1;
    console.error(`fuzz ${name} failed:\n${output.slice(-8000)}`);
  }
}

/** What was said of the last state. */
function covered(output) {
  return /.*(cov: \d+.* corp: \d+)/s.exec(output)?.[1] ?? 'no coverage';
}

function fuzz(name, target) {
  const found = join(root, 'build/fuzz', name);
  mkdirSync(found, { recursive: true });
  const corpus = join(root, 'test/fuzz/corpus', name);
  if (!target.native) {
    const script = join(root, 'test/fuzz/guided.mjs');
    return run(process.execPath, [script, name, values.seconds, found, corpus]);
  }
  const options = [`-max_total_time=${values.seconds}`, '-max_len=4096', '-timeout=10'];
  options.push(`-artifact_prefix=${found}-`);
  return run(join(native, `bitnet_fuzz_${name}`), [...options, found, corpus]);
}

async function must(command, args) {
  const { status, output } = await run(command, args);
  if (status === 0) return;
  console.error(`${output}\n"${[command, ...args].join(' ')}" failed.`);
  process.exit(1);
}

/** Never throws: a command that cannot be started has no status. */
function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  return new Promise((done) => {
    child.on('error', (error) => done({ status: null, output: error.message }));
    child.on('close', (status) => done({ status, output }));
  });
}
