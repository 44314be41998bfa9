import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What perf needs to count energy. */
export interface PerfPlaces {
  /** In place of /sys/bus/event_source/devices/power/events: a file for each event. */
  readonly powerEvents: string;
  /** In place of /proc/sys/kernel/perf_event_paranoid: at most 0 where everyone may look at the whole machine. */
  readonly paranoid: string;
  /** Folders to look for perf in, as in PATH. */
  readonly path: string;
  /** Whether this process may look anyway. */
  readonly root: boolean;
}

export const perfPlaces: PerfPlaces = {
  powerEvents: '/sys/bus/event_source/devices/power/events',
  paranoid: '/proc/sys/kernel/perf_event_paranoid',
  path: process.env.PATH ?? '',
  root: process.getuid?.() === 0,
};

/** The events that are counted, and the program that does; null where there are none or it may not. */
export function perfEvents({ powerEvents, paranoid, path, root }: PerfPlaces): {
  readonly program: string | null;
  readonly events: readonly string[];
} {
  // As with RAPL: packages, and memory beside them. Cores and graphics are inside a package.
  const events = ['energy-pkg', 'energy-ram'].filter((name) => existsSync(join(powerEvents, name)));
  const program = path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'perf'))
    .find((file) => existsSync(file));
  const counts = events[0] === 'energy-pkg' && (root || allows(paranoid));
  return { program: counts && program !== undefined ? program : null, events };
}

function allows(paranoid: string): boolean {
  try {
    return Number(readFileSync(paranoid, 'utf8')) <= 0;
  } catch {
    return false;
  }
}
