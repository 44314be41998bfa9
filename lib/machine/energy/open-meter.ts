import { energyAvailability, type LinuxPlaces, linuxPlaces } from './availability.js';
import type { EnergyMeter } from './meter.js';
import { perfEvents } from './perf-events.js';
import { PerfMeter } from './perf-meter.js';
import { PowerMeter } from './power-meter.js';
import { powerSource } from './power-sources.js';
import { type MacPrograms, macPrograms, powermetricsCommand } from './powermetrics-command.js';
import { PowermetricsMeter } from './powermetrics-meter.js';
import { RaplMeter } from './rapl-meter.js';

/** Where to look for counters, all by default where the operating system has them. */
export interface EnergyPlace {
  readonly platform?: NodeJS.Platform;
  readonly linux?: LinuxPlaces;
  readonly programs?: MacPrograms;
}

/** A meter, or why there is none and what to do about it. */
export type OpenedMeter =
  | { readonly meter: EnergyMeter }
  | { readonly meter: null; readonly reason: string };

/** Opens what this machine measures energy with; it is never a reason to fail. The caller closes it. */
export function openMeter(place: EnergyPlace = {}): OpenedMeter {
  const { platform = process.platform, linux = linuxPlaces, programs = macPrograms } = place;
  const { available, source, reason, remedy } = energyAvailability(platform, linux, programs);
  const meter = available ? meterOf(source, linux, programs) : null;
  if (meter) return { meter };
  const words = available ? [`${source} is gone again`] : [reason, remedy];
  return { meter: null, reason: words.filter(Boolean).join('; ') };
}

function meterOf(
  source: ReturnType<typeof energyAvailability>['source'],
  linux: LinuxPlaces,
  programs: MacPrograms,
): EnergyMeter | null {
  if (source === 'rapl') return new RaplMeter(linux.powercap);
  if (source === 'perf') {
    const { program, events } = perfEvents(linux);
    return program === null ? null : new PerfMeter(program, events);
  }
  if (source === 'powermetrics') {
    const command = powermetricsCommand(programs);
    return typeof command === 'string' ? null : new PowermetricsMeter(command);
  }
  const power = powerSource(linux.sysClass);
  return power && new PowerMeter(power);
}
