import type { Budget } from './budget.js';
import { JinjaError, LimitError } from './errors.js';
import { globals } from './globals.js';
import { Interpreter } from './interpreter.js';
import type { Template } from './parser.js';
import { Scope } from './scope.js';
import { fromJs } from './values.js';

/**
 * The text of a template.
 *
 * @param variables plain JSON, and functions of it; null is None
 * @param budget what this rendering spends; may be shared by several
 * @throws JinjaError, LimitError, and what the functions throw
 */
export function render(
  template: Template,
  variables: Readonly<Record<string, unknown>>,
  budget: Budget,
): string {
  const scope = new Scope(new Scope(undefined, globals(budget)));
  for (const [name, value] of Object.entries(variables)) scope.set(name, fromJs(value));
  const interpreter = new Interpreter(budget);
  try {
    return interpreter.run(template, new Scope(scope));
  } catch (error) {
    if (error instanceof JinjaError)
      throw new JinjaError(`${error.message} (line ${interpreter.line})`);
    // The limits of depth are well below this, but whoever calls may have used most of the stack.
    if (error instanceof RangeError) throw new LimitError('needs more stack than there is');
    throw error;
  }
}
