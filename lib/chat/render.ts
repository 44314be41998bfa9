import { runInNewContext } from 'node:vm';
import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import { BoundedInterpreter } from './bounded-interpreter.js';
import { Environment, type Node, parseTemplate } from './jinja.js';
import { maxMilliseconds, maxRange, maxTemplateLength } from './limits.js';
import { strftime } from './strftime.js';
import { LimitError, RefusedError } from './template-errors.js';

/**
 * Parses a template.
 *
 * @throws ERR_BITNET_TEMPLATE
 */
export function parse(source: string): Node {
  if (source.length > maxTemplateLength) {
    throw failure(`it has ${source.length} characters, over ${maxTemplateLength}`);
  }
  return bounded(() => parseTemplate(source));
}

/**
 * Renders a parsed template with `variables`, within limits of time and memory.
 *
 * @throws ERR_BITNET_TEMPLATE
 */
export function render(template: Node, variables: Readonly<Record<string, unknown>>): string {
  return bounded(() => {
    const scope = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) {
      scope.set(name, value);
    }
    return new BoundedInterpreter(scope).run(template).value as string;
  });
}

/** What templates may use besides the variables of a chat. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (message: unknown) => {
    throw new RefusedError(String(message));
  },
  strftime_now: (format: unknown) => strftime(new Date(), String(format)),
};

/** Python's `range`, of a bounded length. */
function range(first: number, end?: number, step = 1): number[] {
  const [start, stop] = end === undefined ? [0, first] : [first, end];
  if (step === 0) throw new Error('range() step must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxRange)) throw new LimitError(`counts over ${maxRange} numbers`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** The result of `work`, which is stopped when it takes too long; its errors in one sentence. */
function bounded<T>(work: () => T): T {
  try {
    // The time limit holds for all that runs inside, also for functions of this context.
    return runInNewContext('work()', { work }, { timeout: maxMilliseconds }) as T;
  } catch (cause) {
    throw explained(cause);
  }
}

function explained(cause: unknown): BitnetError {
  const { message, code } = cause as NodeJS.ErrnoException;
  if (cause instanceof RefusedError) return refusal(message);
  if (cause instanceof LimitError) return failure(`it ${message}`, cause);
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
    return failure(`it takes over ${maxMilliseconds} ms`, cause);
  }
  return failure(`it fails with ${quoted(message)}`, cause);
}

function refusal(message: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_TEMPLATE',
    `Expected messages that the model's chat template accepts, but it refuses them with ${quoted(message)}; change the messages, or give the prompt without a template (--raw).`,
  );
}

function failure(found: string, cause?: unknown): BitnetError {
  return new BitnetError(
    'ERR_BITNET_TEMPLATE',
    `Expected a chat template that renders within its limits, but ${found}; give the prompt without a template (--raw).`,
    { cause },
  );
}

/** A message of a template or of its renderer, which may be anything. */
function quoted(message: string): string {
  return quote((message || 'an error without a message').replaceAll('"', "'"));
}
