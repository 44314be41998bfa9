// What checkperf found: a line as soon as it is known, or one JSON object at the end.
import ora from 'ora';
import { coverageOf, medianOf } from './paired.mjs';

const sections = { kernel: 'kernels from cache', decode: 'models', prefill: 'models' };

export class Report {
  #options;
  #head;
  #lines = [];
  #unpaired = [];
  #different = new Set();
  #section;
  #spinner = ora({ stream: process.stderr, discardStdin: false });

  constructor(options, head) {
    this.#options = options;
    this.#head = head;
    const { cpu, cores, old, new: current, rounds, coverage } = head;
    const interval =
      coverage === null
        ? 'no interval, for which six are needed'
        : `[${percent(coverage)} interval by the sign test]`;
    this.#print(`${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}`);
    this.#print(`old ${old}, new ${current}`);
    this.#print(`median of new rate / old rate in ${rounds} paired rounds, ${interval}`);
  }

  /** Whether a median is too low, or nothing could be compared. */
  get failed() {
    return this.#lines.length === 0 || this.#lines.some(({ low }) => low);
  }

  progress(text) {
    if (process.stderr.isTTY) this.#spinner.start(text);
  }

  /** Rates of both sides, paired in order; the last one may have no partner when it was interrupted. */
  line({ part, name, limit, old, new: current }) {
    const count = Math.min(old.length, current.length);
    if (count === 0) {
      if (old.length + current.length > 0)
        this.#unpaired.push({ name, only: old.length ? 'old' : 'new' });
      return;
    }
    const ratios = old.slice(0, count).map(({ rate }, i) => current[i].rate / rate);
    const { median, interval } = medianOf(ratios);
    const rounding = old[0].rounding + current[0].rounding;
    const low = median * (1 + rounding) < limit;
    const rates = { old: middle(old), new: middle(current) };
    this.#lines.push({
      ...{ part, name, rounds: count, ratio: median, interval, coverage: coverageOf(count) },
      ...{ rounding, limit, low, rate: rates },
    });
    if (this.#section !== sections[part]) {
      this.#section = sections[part];
      this.#print(`\n${this.#section}, at least ${limit}`);
    }
    const range = interval ? `[${interval.map((bound) => bound.toFixed(3)).join(', ')}]` : '';
    const speed =
      part === 'kernel' ? '' : `${rates.old.toFixed(1)} → ${rates.new.toFixed(1)} tok/s`;
    const label = part === 'kernel' ? name : `${name} ${part}`;
    const cells = [label.padEnd(38), median.toFixed(3), range.padEnd(14), speed.padEnd(20)];
    if (count < this.#options.rounds) cells.push(`${count} rounds`);
    if (low) cells.push('too low');
    this.#print(cells.join('  ').trimEnd());
  }

  /** Both checkouts have to write the same text. */
  differs(name) {
    this.#different.add(name);
  }

  end(interrupted) {
    this.#spinner.stop();
    const different = [...this.#different];
    if (this.#options.json) {
      const result = { ...this.#head, interrupted, lines: this.#lines };
      const rest = { unpaired: this.#unpaired, differentText: different };
      process.stdout.write(`${JSON.stringify({ ...result, ...rest })}\n`);
      return;
    }
    this.#print('');
    for (const side of ['old', 'new']) {
      const names = this.#unpaired.filter(({ only }) => only === side).map(({ name }) => name);
      if (names.length > 0) this.#print(`only in ${side}: ${names.join(', ')}`);
    }
    for (const name of different) this.#print(`the text differs: ${name}`);
    const low = this.#lines.filter((line) => line.low).length;
    const verdict = `${this.#lines.length} compared, ${low} too low`;
    this.#print(interrupted ? `${verdict}, interrupted` : verdict);
  }

  #print(text) {
    if (this.#options.json) return;
    this.#spinner.clear();
    process.stdout.write(`${text}\n`);
  }
}

function middle(rates) {
  return medianOf(rates.map(({ rate }) => rate)).median;
}

function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}
