import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BitnetError } from '../../lib/errors.js';
import type { ProcessMemory } from '../../lib/machine/process-memory.js';
import { packageRoot } from '../../lib/package-root.js';
import type { Setting } from './setting.js';
import type { BenchTest, Room, TestTimes } from './tests.js';
import type { Answer, Loaded, Question } from './trial.js';

/** A model loaded in a process of its own, whose memory is therefore its own. */
export class TrialProcess {
  readonly #child: ChildProcess;

  constructor() {
    const script = join(packageRoot, 'dist/bench/trial/trial.js');
    if (!existsSync(script)) {
      throw new BitnetError(
        'ERR_BITNET_FILE',
        `Expected the compiled library at "${script}", but there is none; run "npm run build" in ${packageRoot}.`,
      );
    }
    // Without the options of this Node process, which may be those of a debugger.
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.#child = fork(script, { execArgv: [], stdio: [...stdio] });
  }

  async load(setting: Setting, room: Room): Promise<Loaded> {
    const answer = await this.#ask({ ask: 'load', setting, room });
    return (answer as Extract<Answer, { loaded: Loaded }>).loaded;
  }

  /** Runs a test once, its prompt in pieces of at most `batch` tokens. */
  async run(test: BenchTest, batch: number, seed: number): Promise<TestTimes> {
    const answer = await this.#ask({ ask: 'run', test, batch, seed });
    return (answer as Extract<Answer, { times: TestTimes }>).times;
  }

  /** Runs a test again and again until so many milliseconds are over, and at least once; how often it was. */
  async repeat(test: BenchTest, batch: number, milliseconds: number): Promise<number> {
    const answer = await this.#ask({ ask: 'repeat', test, batch, milliseconds });
    return (answer as Extract<Answer, { runs: number }>).runs;
  }

  async memory(): Promise<ProcessMemory> {
    const answer = await this.#ask({ ask: 'memory' });
    return (answer as Extract<Answer, { memory: ProcessMemory }>).memory;
  }

  /** Ends the process at once; what it was asked last is rejected. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  #ask(question: Question): Promise<Answer> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        child.off('message', answered).off('exit', ended).off('error', failed);
        settle();
      };
      const answered = (answer: Answer) =>
        done(() => {
          if (!('error' in answer)) return resolve(answer);
          const { code, message } = answer.error;
          reject(code ? new BitnetError(code, message) : new Error(message));
        });
      const ended = (code: number | null, signal: string | null) =>
        done(() => reject(endedEarly(code, signal)));
      const failed = (error: Error) => done(() => reject(error));
      child.on('message', answered).on('exit', ended).on('error', failed);
      if (child.exitCode !== null || child.signalCode !== null) {
        ended(child.exitCode, child.signalCode);
      } else {
        child.send(question, (error) => error && failed(error));
      }
    });
  }
}

function endedEarly(code: number | null, signal: string | null): Error {
  if (signal !== 'SIGKILL') {
    return new Error(`A benchmark process ended unexpectedly (${signal ?? `code ${code}`}).`);
  }
  return new BitnetError(
    'ERR_BITNET_MEMORY',
    'Expected a benchmark process to finish, but the system killed it, probably for lack of memory; measure a smaller model or fewer settings at once.',
  );
}
