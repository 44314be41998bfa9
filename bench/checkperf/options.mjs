// The command line of checkperf.
import { parseArgs } from 'node:util';

const help = `Compares the speed of this checkout with that of another one, in alternating rounds.

  npm run checkperf -- <git revision or folder of a checkout> [options]

Builds both, times kernels whose weights come from cache, then decoding and prefill of synthetic models, and prints the
median of the paired ratios, new rate / old rate, with an interval. Exit code 1 if a median is below 0.98 (kernels: 0.99).

  --rounds <count>   rounds, each old and new next to each other (15)
  --models <list>    shapes that "bitnet synth" knows (2b4t,700m)
  --kernel <list>    instruction sets (the best one here, and avx2)
  --threads <list>   numbers of threads for models; kernels are timed with one (1,2)
  --seconds <number> about this long for each measurement of a model (0.6)
  --only <part>      kernels or models
  --same <old=new>   a word in the names of kernels that the other checkout spells differently; may be repeated
  --json             one JSON object
`;

export function readOptions(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '15' },
        models: { type: 'string', default: '2b4t,700m' },
        kernel: { type: 'string' },
        threads: { type: 'string' },
        seconds: { type: 'string', default: '0.6' },
        only: { type: 'string' },
        same: { type: 'string', multiple: true, default: [] },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    refuse(error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  if (positionals.length !== 1) {
    refuse(
      `Expected one git revision or folder of a checkout to compare with, got ${positionals.length}.`,
    );
  }
  if (values.only !== undefined && !['kernels', 'models'].includes(values.only)) {
    refuse(`Expected --only to be kernels or models, got "${values.only}".`);
  }
  return {
    other: positionals[0],
    rounds: integer('rounds', values.rounds, 1000),
    models: values.models.split(','),
    kernels: values.kernel?.split(','),
    threads: values.threads?.split(',').map((text) => integer('threads', text, 1024)),
    seconds: seconds(values.seconds),
    only: values.only,
    renames: values.same.map(rename),
    json: values.json,
  };
}

function integer(name, text, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  refuse(`Expected --${name} to be an integer from 1 to ${most}, got "${text}".`);
}

function seconds(text) {
  const value = Number(text);
  if (value > 0 && value <= 60) return value;
  refuse(`Expected --seconds to be a number above 0, at most 60, got "${text}".`);
}

function rename(text) {
  const [from, to, ...rest] = text.split('=');
  if (from && to && rest.length === 0) return { from, to };
  refuse(`Expected --same to be old=new, got "${text}".`);
}

function refuse(sentence) {
  process.stderr.write(`${sentence} See npm run checkperf -- --help.\n`);
  process.exit(2);
}
