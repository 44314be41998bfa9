import type { Expression, MacroBody } from './ast.js';
import { JinjaError } from './errors.js';
import { Scope } from './scope.js';
import { type Arguments, Dict, Instance, none, Tuple, Undefined, type Value } from './values.js';

/**
 * A macro or the block of a call, which runs in the scope it is written in.
 *
 * @param run gives the text of the body
 */
export function macro(
  body: MacroBody,
  scope: Scope,
  run: (inside: Scope) => string,
  evaluate: (node: Expression, inside: Scope) => Value,
): Instance {
  const call = (args: Arguments) => {
    const inside = new Scope(scope);
    bindParameters(body, args, inside, evaluate);
    return run(inside);
  };
  return new Instance('Macro', call, (name) => (name === 'name' ? (body.name ?? none) : undefined));
}

function bindParameters(
  { name, parameters, takes }: MacroBody,
  { positional, named: given }: Arguments,
  inside: Scope,
  evaluate: (node: Expression, inside: Scope) => Value,
): void {
  const named = new Map(given);
  const label = name === undefined ? 'None' : `'${name}'`;
  for (const [i, parameter] of parameters.entries()) {
    const value = positional[i] ?? named.get(parameter.name);
    if (i >= positional.length) named.delete(parameter.name);
    // A default sees the parameters before it.
    inside.set(
      parameter.name,
      value ??
        (parameter.default
          ? evaluate(parameter.default, inside)
          : new Undefined(`parameter '${parameter.name}' was not provided`)),
    );
  }
  const hasCaller = parameters.some((parameter) => parameter.name === 'caller');
  if (takes.has('caller') && !hasCaller) {
    inside.set('caller', named.get('caller') ?? new Undefined('No caller defined'));
    named.delete('caller');
  }
  if (takes.has('kwargs')) inside.set('kwargs', new Dict(named));
  else if (named.size > 0) {
    throw new JinjaError(`macro ${label} takes no keyword argument '${[...named.keys()][0]}'`);
  }
  if (takes.has('varargs')) inside.set('varargs', new Tuple(positional.slice(parameters.length)));
  else if (positional.length > parameters.length) {
    throw new JinjaError(`macro ${label} takes not more than ${parameters.length} argument(s)`);
  }
}
