import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What measures energy on macOS, and what may be allowed to start it. */
export interface MacPrograms {
  readonly powermetrics: string;
  readonly sudo: string;
  /** Whether this process is root already. */
  readonly root: boolean;
}

export const macPrograms: MacPrograms = {
  powermetrics: '/usr/bin/powermetrics',
  sudo: '/usr/bin/sudo',
  root: process.getuid?.() === 0,
};

/** How long sudo may think about what is allowed, in milliseconds. */
const patience = 5000;

/**
 * The words that start powermetrics: as root itself, otherwise through sudo where that works without a password. With `-n` sudo never
 * asks for one, it fails.
 */
export function powermetricsCommand(
  programs: MacPrograms = macPrograms,
): readonly [string, ...string[]] | 'missing' | 'forbidden' {
  const { powermetrics, sudo, root } = programs;
  if (!existsSync(powermetrics)) return 'missing';
  if (root) return [powermetrics];
  const asked = spawnSync(sudo, ['-n', '-l', powermetrics], { stdio: 'ignore', timeout: patience });
  return asked.status === 0 ? [sudo, '-n', powermetrics] : 'forbidden';
}
