import { fork } from 'node:child_process';
import { join } from 'node:path';

/** A process that runs side.mjs: one request at a time, each answered or rejected. */
export class Side {
  #child = fork(join(import.meta.dirname, 'side.mjs'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

  ask(request) {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('A process that measures ended early.'));
      if (child.exitCode !== null || child.signalCode !== null) return ended();
      child.once('exit', ended);
      child.once('message', (answer) => {
        child.off('exit', ended);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(answer.error));
      });
      child.send(request);
    });
  }

  close() {
    this.#child.kill('SIGKILL');
  }
}
