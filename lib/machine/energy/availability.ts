import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PerfPlaces, perfEvents, perfPlaces } from './perf-events.js';
import { powerSource, sysFolder } from './power-sources.js';
import { type MacPrograms, macPrograms, powermetricsCommand } from './powermetrics-command.js';
import { countersToSum, powercapFolder, raplCounters } from './rapl-counters.js';

/** Where Linux shows energy and power. */
export interface LinuxPlaces extends PerfPlaces {
  /** In place of /sys/class/powercap. */
  readonly powercap: string;
  /** In place of /sys/class: sensors and batteries. */
  readonly sysClass: string;
}

export const linuxPlaces: LinuxPlaces = {
  ...perfPlaces,
  powercap: powercapFolder,
  sysClass: sysFolder,
};

/** Whether this machine tells how much energy it uses, and why not. */
export interface EnergyAvailability {
  /** Whether this process can read counters now. */
  readonly available: boolean;
  /** Where counters are; null where there are none. */
  readonly source: 'rapl' | 'perf' | 'hwmon' | 'battery' | 'powermetrics' | null;
  /** Names of all counters there are: 'package-0', 'core', 'dram', 'BAT0', … */
  readonly domains: readonly string[];
  /** Why it is not available. */
  readonly reason: string | null;
  /** What to do about it; null where nothing helps. */
  readonly remedy: string | null;
}

/**
 * Looks for energy counters without measuring anything, and never asks for a password.
 * @param platform as `process.platform`
 */
export function energyAvailability(
  platform: NodeJS.Platform = process.platform,
  linux: LinuxPlaces = linuxPlaces,
  programs: MacPrograms = macPrograms,
): EnergyAvailability {
  if (platform === 'linux') return linuxAvailability(linux);
  if (platform === 'darwin') return powermetricsAvailability(programs);
  return {
    ...{ available: false, source: null, domains: [] },
    ...{ reason: 'this operating system shows no energy counters', remedy: null },
  };
}

/** The finest there is: counters of the CPU, a sensor of the machine, what its batteries lose. */
function linuxAvailability(places: LinuxPlaces): EnergyAvailability {
  const rapl = raplAvailability(places.powercap);
  if (rapl.available) return rapl;
  const none = { reason: null, remedy: null };
  const { program, events } = perfEvents(places);
  if (program !== null) return { available: true, source: 'perf', domains: events, ...none };
  const power = powerSource(places.sysClass);
  if (!power) return rapl;
  const [source, ...name] = power.name.split(':');
  return {
    ...{ available: true, source: source as 'hwmon' | 'battery', domains: [name.join(':')] },
    ...none,
  };
}

function raplAvailability(folder: string): EnergyAvailability {
  const counters = raplCounters(folder);
  const needed = countersToSum(counters);
  const domains = counters.map(({ name }) => name);
  if (needed.length === 0) {
    return {
      ...{ available: false, source: null, domains },
      reason: 'the kernel shows no RAPL counters, which virtual machines and containers hide',
      remedy: 'run on the machine itself, with the module intel_rapl_msr loaded',
    };
  }
  if (needed.every((counter) => isReadable(join(counter.folder, 'energy_uj')))) {
    return { available: true, source: 'rapl', domains, reason: null, remedy: null };
  }
  return {
    ...{ available: false, source: 'rapl', domains },
    reason: 'the RAPL counters are readable for root only',
    remedy: `sudo chmod a+r ${folder}/intel-rapl:*/energy_uj (until the next start)`,
  };
}

function powermetricsAvailability(programs: MacPrograms): EnergyAvailability {
  const domains = ['cpu'];
  const command = powermetricsCommand(programs);
  if (command === 'missing') {
    return {
      ...{ available: false, source: null, domains: [] },
      reason: `${programs.powermetrics}, which measures energy on macOS, is not there`,
      remedy: null,
    };
  }
  if (command !== 'forbidden') {
    return { available: true, source: 'powermetrics', domains, reason: null, remedy: null };
  }
  return {
    ...{ available: false, source: 'powermetrics', domains },
    reason: 'powermetrics works for root only',
    remedy: `run with sudo, or let sudo start ${programs.powermetrics} without a password`,
  };
}

/** By reading it: a security module may refuse what the mode allows. */
function isReadable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
