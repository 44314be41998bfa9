import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether this machine tells how much energy its CPU uses, and why not. */
export interface EnergyAvailability {
  /** Whether this process can read counters now. */
  readonly available: boolean;
  /** Where counters are; null where there are none. */
  readonly source: 'rapl' | 'powermetrics' | null;
  /** Names of the counters: 'package-0', 'dram', … */
  readonly domains: readonly string[];
  /** Why it is not available. */
  readonly reason: string | null;
  /** What to do about it; null where nothing helps. */
  readonly remedy: string | null;
}

/** Where Linux shows the counters of the Running Average Power Limit (Intel and AMD). */
export const powercapFolder = '/sys/class/powercap';

/**
 * Looks for energy counters without reading any of them for a measurement.
 * @param platform as `process.platform`
 */
export function energyAvailability(
  platform: NodeJS.Platform = process.platform,
  folder = powercapFolder,
): EnergyAvailability {
  if (platform === 'linux') return raplAvailability(folder);
  if (platform === 'darwin' && existsSync('/usr/bin/powermetrics')) {
    const root = process.getuid?.() === 0;
    return {
      ...{ available: root, source: 'powermetrics', domains: ['cpu'] },
      reason: root ? null : 'powermetrics works for root only',
      remedy: root ? null : 'run with sudo',
    };
  }
  return {
    ...{ available: false, source: null, domains: [] },
    ...{ reason: 'this operating system shows no energy counters', remedy: null },
  };
}

function raplAvailability(folder: string): EnergyAvailability {
  const counters = raplCounters(folder);
  const packages = counters.filter(({ name }) => name.startsWith('package'));
  const domains = counters.map(({ name }) => name);
  if (packages.length === 0) {
    return {
      ...{ available: false, source: null, domains },
      reason: 'the kernel shows no RAPL counters, which virtual machines and containers hide',
      remedy: 'run on the machine itself, with the module intel_rapl_msr loaded',
    };
  }
  if (packages.every(({ path }) => isReadable(path))) {
    return { available: true, source: 'rapl', domains, reason: null, remedy: null };
  }
  return {
    ...{ available: false, source: 'rapl', domains },
    reason: 'the RAPL counters are readable for root only',
    remedy: `sudo chmod a+r ${folder}/intel-rapl:*/energy_uj (until the next start)`,
  };
}

function raplCounters(folder: string): { readonly name: string; readonly path: string }[] {
  let entries: string[];
  try {
    entries = readdirSync(folder).filter((entry) => /^intel-rapl:\d+(:\d+)?$/.test(entry));
  } catch {
    return [];
  }
  return entries.sort().flatMap((entry) => {
    const path = join(folder, entry, 'energy_uj');
    try {
      const name = readFileSync(join(folder, entry, 'name'), 'utf8').trim();
      return existsSync(path) ? [{ name, path }] : [];
    } catch {
      return [];
    }
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    readFileSync(path); // a security module may still refuse
    return true;
  } catch {
    return false;
  }
}
