import { InvalidArgumentError } from 'commander';
import type { BenchReport } from '../../bench/report/report.js';
import { BitnetError } from '../../lib/errors.js';
import { replaceText } from '../../lib/files/replace-file.js';
import { type FileKind, type TargetOptions, writableTarget } from '../../lib/files/target.js';
import type { Terminal } from '../terminal.mjs';

interface PageOptions {
  readonly html?: string;
  /** Whether any regular file may be replaced. */
  readonly force?: boolean;
}

/** The value of `--html`: nothing but a page is ever replaced, such as a model that was meant to be measured. */
export function pagePath(path: string): string {
  if (/\.html?$/i.test(path)) return path;
  throw new InvalidArgumentError('Expected the name of a page, which ends in .html.');
}

/** Pages of this program, which are replaced unasked. */
const page: FileKind = {
  name: 'a page of bitnet bench',
  headBytes: 1024,
  matches: (head) => /^<!DOCTYPE html>.*<title>bitnet bench/s.test(head.toString()),
};

/** Says before a long measurement what would keep the page from being written after it. @throws ERR_BITNET_FILE */
export async function checkPagePath({ html: path, force }: PageOptions): Promise<void> {
  if (path !== undefined) await writableTarget(path, pageTarget(force));
}

function pageTarget(overwrite: boolean | undefined): TargetOptions {
  return { kind: page, overwrite, remedy: 'allow it to be replaced (--force)' };
}

/**
 * Writes the report as a page, if one is wanted, and then to standard output: last, because a reader that has enough ends the process.
 * Measuring took long, so the report is printed even if the page cannot be written: that is reported on standard error, for standard
 * output holds one document, and in the exit code.
 */
export async function writeReport(
  { html: path, force }: PageOptions,
  report: BenchReport,
  terminal: Terminal,
  write: () => Promise<void>,
): Promise<void> {
  let failure: BitnetError | undefined;
  if (path !== undefined) failure = await writePage(path, force, report);
  await write();
  if (failure) {
    terminal.error(failure.message);
    process.exitCode = 1;
  } else if (path !== undefined) terminal.note(`wrote ${path}`);
}

/** Writes the report as a page, over one that is there; why not, if not. */
async function writePage(
  path: string,
  force: boolean | undefined,
  report: BenchReport,
): Promise<BitnetError | undefined> {
  const { benchPage } = await import('../../bench/html/page.js');
  try {
    await replaceText(path, pageTarget(force), benchPage(report));
    return undefined;
  } catch (error) {
    if (error instanceof BitnetError) return error;
    throw error;
  }
}
