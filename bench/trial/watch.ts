import { abortError } from '../../lib/abort.js';
import { energyWindows } from '../energy/measured.js';
import type { BenchOptions, BenchPlan } from '../options.js';
import { testLabel } from './tests.js';

/** What a step is of: nothing, for what is done once for all settings. */
type StepSetting = { readonly threads?: number; readonly kernel?: string };

/** Steps that take about as long as each other. */
interface Kind {
  left: number;
  done: number;
  /** Of those done. */
  seconds: number;
}

const whole: StepSetting = {};

/**
 * Says which step of a plan begins and how far it is, and ends it between two steps when it is aborted. How far follows the time:
 * a step to come takes as long as those like it took.
 */
export class Watch {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: BenchOptions['onProgress'];
  readonly #clock: () => number;
  readonly #begin: number;
  /** By setting and label. */
  readonly #kinds = new Map<StepSetting, Map<string, Kind>>();
  #running: Kind | undefined;
  #since: number;
  #fraction = 0;

  /**
   * @param energy whether energy is measured as well
   * @param clock seconds that only ever grow
   */
  constructor(
    plan: Pick<BenchPlan, 'settings' | 'tests' | 'repetitions' | 'threads'>,
    energy: boolean,
    { signal, onProgress }: Pick<BenchOptions, 'signal' | 'onProgress'>,
    clock: () => number = () => performance.now() / 1000,
  ) {
    this.signal = signal;
    this.#onProgress = onProgress;
    this.#clock = clock;
    this.#begin = clock();
    this.#since = this.#begin;
    this.#expect(whole, limitsStep, 2 * plan.threads.length);
    if (energy) this.#expect(whole, idleStep, 1);
    for (const setting of plan.settings) {
      this.#expect(setting, 'loading', 1);
      for (const test of plan.tests) {
        this.#expect(setting, testLabel(test), 1 + plan.repetitions);
        if (energy) this.#expect(setting, `${testLabel(test)}, energy`, energyWindows);
      }
    }
  }

  /** A step begins; the one before it has ended. `note` tells it from others of its kind. */
  next(step: string, setting: StepSetting = whole, note = ''): void {
    this.throwIfAborted();
    const now = this.#clock();
    if (this.#running) {
      this.#running.done++;
      this.#running.seconds += now - this.#since;
    }
    const secondsLeft = this.#secondsLeft();
    const used = now - this.#begin;
    if (secondsLeft !== null && used + secondsLeft > 0) {
      this.#fraction = Math.max(this.#fraction, used / (used + secondsLeft));
    }
    const own = step === limitsStep ? whole : setting;
    const kind = this.#kinds.get(own)?.get(step);
    if (kind) kind.left--;
    this.#running = kind;
    this.#since = now;
    const { threads, kernel } = setting;
    const parts = [
      `${step}${note}`,
      threads && `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      kernel,
    ];
    this.#onProgress?.(parts.filter(Boolean).join(', '), this.#fraction, secondsLeft);
  }

  throwIfAborted(): void {
    if (this.signal?.aborted) throw abortError('The benchmark was aborted.', this.signal.reason);
  }

  #expect(setting: StepSetting, label: string, count: number): void {
    const labels = this.#kinds.get(setting) ?? new Map<string, Kind>();
    labels.set(label, { left: count, done: 0, seconds: 0 });
    this.#kinds.set(setting, labels);
  }

  /** Null before the first test was run. */
  #secondsLeft(): number | null {
    const all = [...this.#kinds.values()].flatMap((labels) => [...labels]);
    if (!all.some(([label, { done }]) => done > 0 && isTest(label))) return null;
    return all.reduce((sum, [label, kind]) => sum + kind.left * secondsOf(label, kind, all), 0);
  }
}

export const limitsStep = 'limits of the machine';
export const idleStep = 'power of the idle machine';

function isTest(label: string): boolean {
  return ![limitsStep, idleStep, 'loading'].includes(label);
}

/** Of one step: as those of its kind, else as those with its label, else as any test. */
function secondsOf(label: string, kind: Kind, all: readonly [string, Kind][]): number {
  const like = [
    [kind],
    all.filter(([other]) => other === label).map(([, same]) => same),
    all.filter(([other]) => isTest(other)).map(([, test]) => test),
  ].find((kinds) => kinds.some(({ done }) => done > 0));
  const sum = (of: (kind: Kind) => number) => (like ?? []).reduce((all, one) => all + of(one), 0);
  return sum(({ seconds }) => seconds) / (sum(({ done }) => done) || 1);
}
