import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { BenchReport } from '../../lib/bench/report.js';
import { BitnetError } from '../../lib/errors.js';
import type { Terminal } from '../terminal.mjs';

/** The value of `--html`: nothing but a page is ever replaced, such as a model that was meant to be measured. */
export function pagePath(path: string): string {
  if (/\.html?$/i.test(path)) return path;
  throw new InvalidArgumentError('Expected the name of a page, which ends in .html.');
}

/** Says before a long measurement what would keep the page from being written after it. @throws ERR_BITNET_FILE */
export async function checkPagePath(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
    const there = await stat(path).catch(() => undefined);
    if (there) await access(path, constants.W_OK);
    if (there?.isDirectory()) throw new Error('it is a folder');
  } catch (error) {
    throw unwritable(path, error as Error);
  }
}

/**
 * Writes the report as a page, if one is wanted, and then to standard output: last, because a reader that has enough ends the process.
 * Measuring took long, so a page that cannot be written keeps the report from nobody: that is told on standard error, for standard
 * output holds one document, and in the exit code.
 */
export async function writeReport(
  path: string | undefined,
  report: BenchReport,
  terminal: Terminal,
  write: () => Promise<void>,
): Promise<void> {
  let failure: BitnetError | undefined;
  if (path !== undefined) failure = await writePage(path, report);
  await write();
  if (failure) {
    terminal.error(failure.message);
    process.exitCode = 1;
  } else if (path !== undefined) terminal.note(`wrote ${path}`);
}

/** Writes the report as a page, over one that is there; why not, if not. */
async function writePage(path: string, report: BenchReport): Promise<BitnetError | undefined> {
  const { benchPage } = await import('../../lib/bench/html/page.js');
  try {
    await writeFile(path, benchPage(report));
    return undefined;
  } catch (error) {
    return unwritable(path, error as Error);
  }
}

function unwritable(path: string, cause: Error): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected to write a page to "${path}", but ${cause.message}; name a file in a folder that can be written to.`,
    { path, cause },
  );
}
