import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Linux shows sensors and batteries. */
export const sysFolder = '/sys/class';

/** Something that tells the power of the whole machine now, never of a graphics card. */
export interface PowerSource {
  /** 'hwmon:power_meter', 'battery:BAT0'. */
  readonly name: string;
  /** Seconds after which its number is a new one, about: what a measurement has to outlast. */
  readonly resolution: number;
  /** @returns watts, null when they cannot be told any more */
  readonly watts: () => number | null;
}

/** A battery that is discharged tells what the machine takes, every one to thirty seconds. */
const batteryResolution = 10;

/**
 * The sensor of this machine's power, else its batteries while they are discharged; null where it
 * has neither. Known are the ACPI power meter of servers (`power_meter`) and the INA3221 of Jetson
 * boards, whose channel VDD_IN is the whole board.
 *
 * @param folder in place of /sys/class
 */
export function powerSource(folder = sysFolder): PowerSource | null {
  return sensor(join(folder, 'hwmon')) ?? batteries(join(folder, 'power_supply'));
}

function sensor(folder: string): PowerSource | null {
  for (const chip of entriesOf(folder)) {
    const path = (file: string) => join(folder, chip, file);
    const name = textIn(path('name'));
    if (name === 'power_meter') {
      const file = ['power1_average', 'power1_input'].find((f) => numberIn(path(f)) !== null);
      if (file === undefined) continue;
      const interval = numberIn(path('power1_average_interval')) ?? 1000;
      const watts = () => scaled(numberIn(path(file)), 1e-6);
      return { name: 'hwmon:power_meter', resolution: interval / 1000, watts };
    }
    if (name === 'ina3221') {
      const channel = [1, 2, 3].find((no) => textIn(path(`in${no}_label`)) === 'VDD_IN');
      if (channel === undefined) continue;
      const watts = () =>
        product(numberIn(path(`in${channel}_input`)), numberIn(path(`curr${channel}_input`)), 1e-6);
      if (watts() !== null) return { name: 'hwmon:ina3221:VDD_IN', resolution: 0.1, watts };
    }
  }
  return null;
}

/** All that are being discharged: a machine with two takes its power from one, then from the other. */
function batteries(folder: string): PowerSource | null {
  const all = entriesOf(folder).filter(
    (entry) =>
      textIn(join(folder, entry, 'type')) === 'Battery' &&
      // A mouse or a pen has a battery, too.
      textIn(join(folder, entry, 'scope')) !== 'Device',
  );
  const watts = () => {
    const discharged = all.filter(
      (entry) => textIn(join(folder, entry, 'status')) === 'Discharging',
    );
    const powers = discharged.map((entry) => batteryWatts(join(folder, entry)));
    if (powers.length === 0 || powers.includes(null)) return null;
    return powers.reduce<number>((sum, power) => sum + power!, 0);
  };
  if (watts() === null) return null;
  return { name: `battery:${all.join('+')}`, resolution: batteryResolution, watts };
}

/** Drivers tell power in microwatts, or current and voltage in microamperes and microvolts, of either sign. */
function batteryWatts(battery: string): number | null {
  const power = scaled(numberIn(join(battery, 'power_now')), 1e-6);
  if (power !== null) return Math.abs(power);
  const current = numberIn(join(battery, 'current_now'));
  const watts = product(current, numberIn(join(battery, 'voltage_now')), 1e-12);
  return watts === null ? null : Math.abs(watts);
}

function product(a: number | null, b: number | null, unit: number): number | null {
  return a === null || b === null ? null : a * b * unit;
}

function scaled(value: number | null, unit: number): number | null {
  return value === null ? null : value * unit;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function textIn(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function numberIn(path: string): number | null {
  const text = textIn(path);
  return text !== null && /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}
