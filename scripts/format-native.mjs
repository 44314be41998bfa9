// Formats the C++ sources with clang-format, or with --check only says which are not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const sources = ['native', 'test/native', 'test/fuzz', 'bench'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.(cpp|h)$/.test(name))
    .map((name) => join(folder, name)),
);
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const result = spawnSync('clang-format', [...mode, ...sources], { cwd: root, stdio: 'inherit' });
if (result.error) console.error('Expected clang-format (Debian: apt-get install clang-format).');
process.exit(result.status ?? 1);
