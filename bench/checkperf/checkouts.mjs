// The two checkouts that are compared, each built with its library and its native benchmark.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';

export function thisCheckout(root) {
  return built(root);
}

/** A folder is taken as it is; a revision is checked out in a worktree of its own, which stays for the next time. */
export function otherCheckout(root, other) {
  if (existsSync(join(other, 'package.json')) && statSync(other).isDirectory())
    return built(resolve(other));
  const commit = git(root, 'rev-parse', '--verify', '--quiet', `${other}^{commit}`);
  if (!commit) fail(`Expected a git revision or the folder of a checkout, got "${other}".`);
  const folder = join(root, 'build/checkperf', commit.slice(0, 12));
  if (!existsSync(join(folder, 'package.json'))) {
    git(root, 'worktree', 'prune'); // the build folder may have been deleted
    run(root, 'git', ['worktree', 'add', '--quiet', '--detach', folder, commit]);
  }
  installDependencies(root, folder);
  return built(folder);
}

/** Those of this checkout, where the other one wants the same. */
function installDependencies(root, folder) {
  if (existsSync(join(folder, 'node_modules'))) return;
  const lock = (where) => readFileSync(join(where, 'package-lock.json'), 'utf8');
  if (lock(root) === lock(folder))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  else run(folder, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
}

function built(root) {
  process.stderr.write(`building ${root}\n`);
  const native = join(root, 'build');
  run(root, process.execPath, ['scripts/build.mjs']);
  run(root, 'cmake', ['-S', '.', '-B', native, '-DBITNET_BUILD_BENCH=ON']);
  run(root, 'cmake', ['--build', native, '--target', 'bitnet_bench', '--parallel']);
  const changed = git(root, 'status', '--porcelain', '--untracked-files=no') ? ' with changes' : '';
  const commit = git(root, 'rev-parse', '--short', 'HEAD');
  return {
    root,
    name: commit ? commit + changed : basename(root),
    bench: join(native, 'bitnet_bench'),
    library: () => createRequire(import.meta.url)(root),
  };
}

/** What git prints; nothing where it fails. */
function git(root, ...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

function run(root, command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return;
  if (result.signal === 'SIGINT') process.exit(130);
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;
  fail(`${output}\n"${[command, ...args].join(' ')}" failed in ${root}.`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
