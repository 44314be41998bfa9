import { energyAvailability, powercapFolder } from './availability.js';
import { type MacPrograms, macPrograms, powermetricsCommand } from './powermetrics-command.js';
import { PowermetricsMeter } from './powermetrics-meter.js';
import { RaplMeter } from './rapl-meter.js';

/** Measures the energy that the machine's CPU and memory take, for whatever reason. */
export interface EnergyMeter {
  /** What is counted: 'rapl:package-0+dram', 'powermetrics:package'. */
  readonly source: string;
  /** What was used since the meter was opened. @throws EnergyFault from when on its counters cannot be relied on */
  read(): Promise<EnergyReading>;
  close(): void;
}

export interface EnergyReading {
  readonly joules: number;
  /** When this was so, on a clock that began before the meter. */
  readonly seconds: number;
}

/** Where to look for counters, all by default where the operating system has them. */
export interface EnergyPlace {
  readonly platform?: NodeJS.Platform;
  /** In place of /sys/class/powercap. */
  readonly folder?: string;
  readonly programs?: MacPrograms;
}

/** A meter, or why there is none and what to do about it. */
export type OpenedMeter =
  | { readonly meter: EnergyMeter }
  | { readonly meter: null; readonly reason: string };

/** Opens what this machine measures energy with; it is never a reason to fail. The caller closes it. */
export function openMeter(place: EnergyPlace = {}): OpenedMeter {
  const { platform = process.platform, folder = powercapFolder, programs = macPrograms } = place;
  const { available, source, reason, remedy } = energyAvailability(platform, folder, programs);
  if (!available) return { meter: null, reason: [reason, remedy].filter(Boolean).join('; ') };
  if (source === 'rapl') return { meter: new RaplMeter(folder) };
  const command = powermetricsCommand(programs);
  return typeof command === 'string'
    ? { meter: null, reason: 'powermetrics can no longer be started' }
    : { meter: new PowermetricsMeter(command) };
}
