import * as jinja from '@huggingface/jinja';

/*
 * The parts of @huggingface/jinja that rendering with limits needs, with the types that its own
 * declarations do not resolve to in this module system. Only this file imports it.
 */

/** A node of a parsed template; the fields depend on the type. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A value while a template runs. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** The variables a template sees. */
export interface Scope {
  /** Declares a variable; JavaScript values and functions are converted. */
  set(name: string, value: unknown): unknown;
}

interface JinjaInterpreter {
  /** Renders a template to a text value. */
  run(program: Node): Value;
  /** Every node is evaluated through this method. */
  evaluate(node: Node | undefined, scope: Scope): Value;
}

export const Interpreter = jinja.Interpreter as unknown as new (scope: Scope) => JinjaInterpreter;

export const Environment = jinja.Environment as unknown as new () => Scope;

/** Parses a template, with the whitespace rules that chat templates are written for. */
export function parseTemplate(source: string): Node {
  return new jinja.Template(source).parsed as unknown as Node;
}
