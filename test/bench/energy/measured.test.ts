import { describe, expect, test } from 'vitest';
import { EnergyBench } from '../../../bench/energy/measured.js';
import { EnergyFault } from '../../../lib/machine/energy/fault.js';
import type { EnergyMeter } from '../../../lib/machine/energy/meter.js';
import { openMeter } from '../../../lib/machine/energy/open-meter.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { onlyPowercap, Powercap } from '../../machine/energy/powercap.js';

const file = tempFolder();

/** A machine whose energy and time are what a test says. */
class Machine implements EnergyMeter {
  readonly source = 'rapl:package-0';
  readonly resolution = 0.001;
  joules = 7;
  seconds = 50;
  fault: string | undefined;
  closed = false;

  async read() {
    if (this.fault) throw new EnergyFault(this.fault);
    return { joules: this.joules, seconds: this.seconds };
  }

  use(joules: number, seconds: number): void {
    this.joules += joules;
    this.seconds += seconds;
  }

  close(): void {
    this.closed = true;
  }
}

/** A bench whose machine takes 3 W when idle. */
async function idle3(machine: Machine): Promise<EnergyBench> {
  const energy = new EnergyBench({ meter: machine });
  const idling = energy.measureIdle(undefined, 0);
  await Promise.resolve(); // the first reading
  machine.use(6, 2);
  await idling;
  return energy;
}

describe('the energy of a test', () => {
  test('is the median of three windows, per token and but for the first run; net without idling', async () => {
    const machine = new Machine();
    const energy = await idle3(machine);
    const asked: number[] = [];
    const windows = [20, 32, 26];
    const [found] = await energy.measure(8, [
      async (milliseconds) => {
        const runs = asked.push(milliseconds) === 1 ? 1 : 5;
        machine.use(runs === 1 ? 1000 : runs * windows[asked.length - 2]!, runs * 1.25);
        return runs;
      },
    ]);
    expect(asked).toEqual([0, 1000, 1000, 1000]);
    expect(found).toEqual({
      joulesPerToken: 26 / 8,
      joulesPerTokenSd: 6 / 8,
      joulesPerTokenSamples: [20 / 8, 32 / 8, 26 / 8],
      netJoulesPerToken: (26 - 3 * 1.25) / 8,
      watts: 26 / 1.25,
      idleWatts: 3,
      energySource: 'rapl:package-0',
      energyResolution: 0.001,
      energyReason: null,
    });
  });

  test('of several settings is measured by turns, and once of each where it is late', async () => {
    const machine = new Machine();
    const energy = await idle3(machine);
    const order: string[] = [];
    const repeats = ['a', 'b'].map((name) => async (milliseconds: number) => {
      order.push(milliseconds === 0 ? `${name} first` : name);
      machine.use(name === 'a' ? 2 : 4, 1);
      return 1;
    });
    const heard: number[] = [];
    const onWindow = (index: number) => heard.push(index);
    const found = await energy.measure(1, repeats, { onWindow });
    expect(order).toEqual(['a first', 'a', 'b first', 'b', 'a', 'b', 'a', 'b']);
    expect(heard).toEqual([0, 1, 0, 1, 0, 1]);
    expect(found.map(({ joulesPerToken }) => joulesPerToken)).toEqual([2, 4]);
    const late = await energy.measure(1, repeats, { isLate: () => true });
    expect(late).toMatchObject([
      { joulesPerToken: 2, joulesPerTokenSd: null, joulesPerTokenSamples: [2] },
      { joulesPerToken: 4, joulesPerTokenSd: null, joulesPerTokenSamples: [4] },
    ]);
  });

  test('is not there where the counter stands still for a second', async () => {
    const machine = new Machine();
    const energy = await idle3(machine);
    const still = (seconds: number) => async () => {
      machine.use(0, seconds);
      return 1;
    };
    expect(await energy.measure(1, [still(0.4)])).toMatchObject([{ joulesPerToken: 0 }]);
    expect(await energy.measure(1, [still(1.2)])).toMatchObject([
      {
        ...{ joulesPerToken: null, watts: null, idleWatts: null, energySource: null },
        energyReason: expect.stringMatching(/^rapl:package-0 counted 0 J in 1\.2 s: /),
      },
    ]);
    expect(energy.measures).toBe(false);
  });

  test('is not there where a counter of Linux never moves, found while idle', async () => {
    const { folder } = new Powercap(file('still'), { 'intel-rapl:0': { name: 'package-0' } });
    const energy = new EnergyBench(openMeter({ platform: 'linux', linux: onlyPowercap(folder) }));
    await energy.measureIdle(undefined, 1050);
    const ran = () => Promise.reject(new Error('ran'));
    const [found] = await energy.measure(1, [ran]);
    expect(found!.energyReason).toMatch(
      /^rapl:package-0 counted 0 J in 1\.\d s: its counters stand/,
    );
    energy.close();
  });

  test('ends with its meter', async () => {
    const machine = new Machine();
    (await idle3(machine)).close();
    expect(machine.closed).toBe(true);
  });

  test('is not there without a meter, and nothing runs for it', async () => {
    const energy = new EnergyBench({ meter: null, reason: 'why; what to do' });
    expect(energy.measures).toBe(false);
    await energy.measureIdle();
    const [found] = await energy.measure(1, [() => Promise.reject(new Error('ran'))]);
    expect(found).toEqual({
      ...{ joulesPerToken: null, joulesPerTokenSd: null, joulesPerTokenSamples: [] },
      ...{ netJoulesPerToken: null, watts: null, idleWatts: null },
      ...{ energySource: null, energyResolution: null, energyReason: 'why; what to do' },
    });
    energy.close();
  });

  test('is not there from when on the meter is faulty', async () => {
    const machine = new Machine();
    const energy = await idle3(machine);
    const run = async () => {
      machine.use(1, 1);
      return 1;
    };
    expect(await energy.measure(1, [run])).toMatchObject([{ joulesPerToken: 1 }]);
    machine.fault = 'it went backwards';
    for (let i = 0; i < 2; i++) {
      expect(await energy.measure(1, [run])).toMatchObject([
        { joulesPerToken: null, energySource: null, energyReason: 'it went backwards' },
      ]);
      expect(energy.measures).toBe(false);
      machine.fault = undefined;
    }
  });

  test('passes on why a run fails', async () => {
    const energy = await idle3(new Machine());
    const run = () => Promise.reject(new Error('no memory'));
    await expect(energy.measure(1, [run])).rejects.toThrow('no memory');
  });
});
