import { describe, expect, test } from 'vitest';
import { EnergyBench } from '../../lib/bench/energy.js';
import { EnergyFault } from '../../lib/energy/fault.js';
import type { EnergyMeter } from '../../lib/energy/meter.js';

/** A machine whose energy and time are what a test says. */
class Machine implements EnergyMeter {
  readonly source = 'rapl:package-0';
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
  test('is what the runs used, but for the first, over all their tokens; net without idling', async () => {
    const machine = new Machine();
    const energy = await idle3(machine);
    const asked: number[] = [];
    const found = await energy.measure(8, async (milliseconds) => {
      asked.push(milliseconds);
      const runs = asked.length === 1 ? 1 : 5;
      machine.use(asked.length === 1 ? 1000 : runs * 20, runs * 1.25);
      return runs;
    });
    expect(asked).toEqual([0, 1000]);
    expect(found).toEqual({
      joulesPerToken: 20 / 8,
      netJoulesPerToken: (20 - 3 * 1.25) / 8,
      watts: 16,
      idleWatts: 3,
      energySource: 'rapl:package-0',
      energyReason: null,
    });
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
    const found = await energy.measure(1, () => Promise.reject(new Error('ran')));
    expect(found).toEqual({
      ...{ joulesPerToken: null, netJoulesPerToken: null, watts: null, idleWatts: null },
      ...{ energySource: null, energyReason: 'why; what to do' },
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
    expect(await energy.measure(1, run)).toMatchObject({ joulesPerToken: 1 });
    machine.fault = 'it went backwards';
    for (let i = 0; i < 2; i++) {
      expect(await energy.measure(1, run)).toMatchObject({
        ...{ joulesPerToken: null, energySource: null, energyReason: 'it went backwards' },
      });
      expect(energy.measures).toBe(false);
      machine.fault = undefined;
    }
  });

  test('passes on why a run fails', async () => {
    const energy = await idle3(new Machine());
    const run = () => Promise.reject(new Error('no memory'));
    await expect(energy.measure(1, run)).rejects.toThrow('no memory');
  });
});
