import { describe, expect, it } from 'vitest';
import { Admission, type Applicant } from '../../lib/model/admission.js';

/** Generations by name, and what became of them. */
function setup(limits: { maxRunning: number; maxQueue: number }) {
  const admission = new Admission(limits);
  const log: string[] = [];
  const leave: Record<string, () => void> = {};
  const failures: Record<string, unknown> = {};
  const controllers: Record<string, AbortController> = {};
  const enter = async (
    name: string,
    { priority = 0, served = () => 0, admit = () => true }: Partial<Applicant> = {},
  ): Promise<void> => {
    controllers[name] = new AbortController();
    const applicant = { holder: {}, priority, served, admit };
    try {
      const place = await admission.enter(applicant, controllers[name].signal, () =>
        log.push(`${name} waits`),
      );
      log.push(name);
      leave[name] = place.leave;
    } catch (error) {
      failures[name] = error;
    }
  };
  return {
    admission,
    log,
    leave,
    failures,
    enter,
    abort: (name: string) => controllers[name]!.abort(name),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('admission', () => {
  it('lets as many run as may, and the others wait for their turn', async () => {
    const { admission, log, leave, enter } = setup({ maxRunning: 2, maxQueue: 9 });
    for (const name of ['a', 'b', 'c', 'd']) void enter(name);
    await settled();
    expect(log).toEqual(['c waits', 'd waits', 'a', 'b']);
    expect(admission).toMatchObject({ running: 2, waiting: 2 });
    leave.a!();
    leave.a!();
    await settled();
    expect(log.slice(4)).toEqual(['c']);
    leave.b!();
    leave.c!();
    await settled();
    leave.d!();
    expect(log.slice(5)).toEqual(['d']);
    expect(admission).toMatchObject({ running: 0, waiting: 0 });
  });

  it('takes low priorities first, then callers who had little, then whoever came first', async () => {
    const { log, leave, enter } = setup({ maxRunning: 1, maxQueue: 9 });
    const served: Record<string, number> = { much: 100, little: 10 };
    await enter('first');
    const applicants: [string, number, string][] = [
      ['a', 0, 'much'],
      ['b', 0, 'little'],
      ['c', 0, 'much'],
      ['d', -5, 'much'],
      ['e', 7, 'little'],
      ['f', 0, 'little'],
    ];
    for (const [name, priority, caller] of applicants) {
      void enter(name, { priority, served: () => served[caller]! });
    }
    for (const name of ['first', 'd']) {
      await settled();
      leave[name]!();
    }
    served.little = 200; // it was served meanwhile
    for (const name of ['b', 'a', 'c', 'f', 'e']) {
      await settled();
      leave[name]!();
    }
    expect(log.filter((line) => !line.endsWith('waits'))).toEqual(['first', ...'dbacfe']);
  });

  it('refuses more than may wait, with the numbers', async () => {
    const { log, failures, enter } = setup({ maxRunning: 1, maxQueue: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void enter(name);
    await settled();
    expect(failures.d).toMatchObject({
      code: 'ERR_BITNET_QUEUE',
      length: 2,
      limit: 2,
      message:
        'Expected room for one more generation, but 1 run and 2 wait, the most that may (maxQueue); ' +
        'try again when one has ended, or load the model with a larger maxQueue.',
    });
    expect(log).toEqual(['b waits', 'c waits', 'a']);
    const none = setup({ maxRunning: 1, maxQueue: 0 });
    await none.enter('a');
    await none.enter('b');
    expect(none.failures.b).toMatchObject({ code: 'ERR_BITNET_QUEUE', limit: 0 });
  });

  it('lets nobody past one who needs more memory than there is, until that gives up', async () => {
    const { admission, log, failures, enter, abort } = setup({ maxRunning: 9, maxQueue: 9 });
    let free = 10;
    const needs = (bytes: number) => ({
      admit: () => {
        if (bytes > free) return false;
        free -= bytes;
        return true;
      },
    });
    void enter('a', needs(8));
    void enter('large', needs(5));
    void enter('small', needs(1));
    await settled();
    expect(log).toEqual(['large waits', 'small waits', 'a']);
    void enter('urgent', { ...needs(1), priority: -1 });
    await settled();
    expect(log.slice(3)).toEqual(['urgent waits', 'urgent']);
    abort('large');
    await settled();
    expect(failures.large).toBe('large');
    expect(log.slice(5)).toEqual(['small']);
    free += 8;
    admission.retry();
    expect(admission).toMatchObject({ running: 3, waiting: 0 });
  });

  it('tells one that can never begin so, and goes on with the next', async () => {
    const { log, leave, failures, enter } = setup({ maxRunning: 1, maxQueue: 9 });
    const never = {
      admit: () => {
        throw new Error('too large');
      },
    };
    await enter('never', never);
    expect(failures.never).toMatchObject({ message: 'too large' });
    await enter('a');
    void enter('later', never);
    void enter('b');
    leave.a!();
    await settled();
    expect(failures.later).toMatchObject({ message: 'too large' });
    expect(log).toEqual(['a', 'later waits', 'b waits', 'b']);
  });

  it('is not entered with a signal that has aborted', async () => {
    const { admission } = setup({ maxRunning: 1, maxQueue: 1 });
    const applicant = { holder: {}, priority: 0, served: () => 0, admit: () => true };
    const entering = admission.enter(applicant, AbortSignal.abort('gone'), () => {});
    await expect(entering).rejects.toBe('gone');
    expect(admission).toMatchObject({ running: 0, waiting: 0 });
  });
});
