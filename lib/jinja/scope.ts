import { Undefined, type Value } from './values.js';

/** The variables of a block, inside of those around it. Macros keep the scope they were made in. */
export class Scope {
  readonly #variables: Map<string, Value>;
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope, variables: Map<string, Value> = new Map()) {
    this.#parent = parent;
    this.#variables = variables;
  }

  get(name: string): Value {
    let scope: Scope | undefined = this;
    while (scope !== undefined) {
      const value = scope.#variables.get(name);
      if (value !== undefined) return value;
      scope = scope.#parent;
    }
    return new Undefined(`'${name}' is undefined`);
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }
}
