import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import * as jinja from '../jinja/index.js';
import { maxSteps } from './limits.js';
import { strftime } from './strftime.js';

export type { Budget, Template } from '../jinja/index.js';

/** The shared budget of all renderings in one call. */
export function callBudget(): jinja.Budget {
  return new jinja.Budget(maxSteps);
}

/**
 * Parses a template.
 *
 * @throws ERR_BITNET_TEMPLATE
 */
export function parse(source: string): jinja.Template {
  return explained(() => jinja.parse(source), syntaxFailure);
}

/**
 * Renders a parsed template with `variables`.
 *
 * @throws ERR_BITNET_TEMPLATE
 */
export function render(
  template: jinja.Template,
  variables: Readonly<Record<string, unknown>>,
  budget: jinja.Budget,
): string {
  return explained(() => jinja.render(template, { ...functions(budget), ...variables }, budget));
}

/**
 * Charges the budget for work on a template's output.
 *
 * @throws ERR_BITNET_TEMPLATE
 */
export function spend(budget: jinja.Budget, steps: number): void {
  explained(() => budget.spend(steps));
}

/** Globals that transformers gives to templates. */
function functions(budget: jinja.Budget) {
  return {
    raise_exception: (message: unknown) => {
      throw new RefusedError(String(message));
    },
    strftime_now: (given: unknown) => {
      const format = String(given);
      budget.spend(20 + format.length);
      return strftime(new Date(), format);
    },
  };
}

/** A template refused the messages by `raise_exception`. */
class RefusedError extends Error {}

/** The result of `work`, or its error in one sentence. */
function explained<T>(work: () => T, failed = renderFailure): T {
  try {
    return work();
  } catch (cause) {
    const { message } = cause as Error;
    if (cause instanceof RefusedError) throw refusal(message);
    if (cause instanceof jinja.LimitError)
      throw failure('renders within its limits', `it ${message}`, cause);
    throw failed(message, cause);
  }
}

function refusal(message: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_TEMPLATE',
    `Expected messages that the model's chat template accepts, but it refuses them with ${quoted(message)}; change the messages, choose another template (--chat-template, chatTemplate), or give the prompt without one (--raw).`,
  );
}

function syntaxFailure(message: string, cause: unknown): BitnetError {
  return failure('is valid Jinja', `it has a syntax error, ${quoted(message)}`, cause);
}

function renderFailure(message: string, cause: unknown): BitnetError {
  return failure('can write these messages', `it fails with ${quoted(message)}`, cause);
}

/** @param wanted completes "Expected a chat template that …" */
function failure(wanted: string, found: string, cause: unknown): BitnetError {
  return new BitnetError(
    'ERR_BITNET_TEMPLATE',
    `Expected a chat template that ${wanted}, but ${found}; choose another (--chat-template, chatTemplate), or give the prompt without one (--raw).`,
    { cause },
  );
}

/** A message of a template or of its renderer, which may be anything. */
function quoted(message: string): string {
  return quote((message || 'an error without a message').replaceAll('"', "'"));
}
