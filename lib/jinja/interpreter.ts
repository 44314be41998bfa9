import type { ForStatement, MacroBody, Statement, Target } from './ast.js';
import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { Evaluator } from './evaluator.js';
import { Loop } from './loop.js';
import { macro } from './macro.js';
import { iterate, truthy } from './protocol.js';
import { Scope } from './scope.js';
import { type Instance, Namespace, type Value } from './values.js';
import { str, Writer } from './write.js';

/** What a statement does to the loop around it. */
type Jump = 'break' | 'continue' | undefined;

/** Runs a template. All statements go through `#execute`, which charges the budget. */
export class Interpreter {
  readonly #budget: Budget;
  readonly #expressions: Evaluator;
  /** The line of the statement that runs. */
  line = 1;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#expressions = new Evaluator(budget);
  }

  /** The text that statements write. */
  run(statements: readonly Statement[], scope: Scope): string {
    const out = new Writer(this.#budget);
    this.#execute(statements, scope, out);
    return out.text;
  }

  #execute(statements: readonly Statement[], scope: Scope, out: Writer): Jump {
    this.#expressions.enter();
    let jump: Jump;
    for (const statement of statements) {
      this.#budget.spend(1);
      this.line = statement.line;
      jump = this.#statement(statement, scope, out);
      if (jump !== undefined) break;
    }
    this.#expressions.leave();
    return jump;
  }

  #statement(statement: Statement, scope: Scope, out: Writer): Jump {
    switch (statement.kind) {
      case 'text':
        out.add(statement.text);
        return undefined;
      case 'output':
        out.add(str(this.#expressions.evaluate(statement.value, scope), this.#budget));
        return undefined;
      case 'do':
        this.#expressions.evaluate(statement.value, scope);
        return undefined;
      case 'if': {
        const branch = statement.branches.find(({ test }) =>
          truthy(this.#expressions.evaluate(test, scope)),
        );
        return this.#execute(branch?.body ?? statement.otherwise, scope, out);
      }
      case 'for':
        this.#loop(statement, this.#expressions.evaluate(statement.iterable, scope), scope, out, 0);
        return undefined;
      case 'set':
        this.#assign(statement.target, this.#expressions.evaluate(statement.value, scope), scope);
        return undefined;
      case 'set block': {
        const text = this.run(statement.body, new Scope(scope));
        const value = statement.filter
          ? this.#expressions.applied(statement.filter, text, scope)
          : text;
        this.#assign(statement.target, value, scope);
        return undefined;
      }
      case 'with': {
        const inside = new Scope(scope);
        for (const [target, value] of statement.targets) {
          this.#assign(target, this.#expressions.evaluate(value, scope), inside);
        }
        return this.#execute(statement.body, inside, out);
      }
      case 'scope':
        return this.#execute(statement.body, new Scope(scope), out);
      case 'filter block': {
        const text = this.run(statement.body, new Scope(scope));
        out.add(str(this.#expressions.applied(statement.filter, text, scope), this.#budget));
        return undefined;
      }
      case 'macro':
        scope.set(statement.macro.name!, this.#macro(statement.macro, scope));
        return undefined;
      case 'call block': {
        const callee = this.#expressions.evaluate(statement.callee, scope);
        const args = this.#expressions.arguments(statement.args, scope);
        const caller = this.#macro(statement.caller, scope);
        const result = this.#expressions.call(callee, {
          ...args,
          named: new Map([...args.named, ['caller', caller]]),
        });
        out.add(str(result, this.#budget));
        return undefined;
      }
      default:
        return statement.kind;
    }
  }

  #loop(statement: ForStatement, iterable: Value, scope: Scope, out: Writer, depth: number): void {
    const items = this.#selected(statement, iterate(iterable, this.#budget), scope);
    if (items.length === 0) {
      this.#execute(statement.otherwise, new Scope(scope), out);
      return;
    }
    const again = (inner: Value): string => {
      const text = new Writer(this.#budget);
      this.#loop(statement, inner, scope, text, depth + 1);
      return text.text;
    };
    const loop = new Loop(items, depth, statement.recursive ? again : undefined, this.#budget);
    const variable = loop.variable();
    for (const current of items) {
      const inside = new Scope(scope);
      inside.set('loop', variable);
      this.#assign(statement.target, current, inside);
      const jump = this.#execute(statement.body, inside, out);
      if (jump === 'break') break;
      loop.next();
    }
  }

  /** The items for which the condition of a loop holds. */
  #selected(
    { target, test }: ForStatement,
    items: readonly Value[],
    scope: Scope,
  ): readonly Value[] {
    if (!test) return items;
    return items.filter((current) => {
      const inside = new Scope(scope);
      this.#assign(target, current, inside);
      return truthy(this.#expressions.evaluate(test, inside));
    });
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') scope.set(target.name, value);
    else if (target.kind === 'member') {
      const object = scope.get(target.object);
      if (!(object instanceof Namespace)) {
        throw new JinjaError('cannot assign attribute on non-namespace object');
      }
      object.members.set(target.name, value);
    } else {
      const values = iterate(value, this.#budget);
      const wanted = target.items.length;
      if (values.length !== wanted) {
        throw new JinjaError(
          values.length < wanted
            ? `not enough values to unpack (expected ${wanted}, got ${values.length})`
            : `too many values to unpack (expected ${wanted})`,
        );
      }
      for (const [i, part] of target.items.entries()) this.#assign(part, values[i]!, scope);
    }
  }

  #macro(body: MacroBody, scope: Scope): Instance {
    const run = (inside: Scope) => this.run(body.body, inside);
    return macro(body, scope, run, (value, inside) => this.#expressions.evaluate(value, inside));
  }
}
