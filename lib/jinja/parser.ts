import type {
  Expression,
  FilterExpression,
  MacroBody,
  Parameter,
  Statement,
  Target,
} from './ast.js';
import { LimitError } from './errors.js';
import { tokenize } from './lexer.js';
import { maxTemplateLength } from './limits.js';
import { ExpressionParser } from './parse-expression.js';
import { syntaxError } from './token.js';
import { TokenStream } from './token-stream.js';

/** A template that can be rendered. */
export type Template = readonly Statement[];

/**
 * Reads a template.
 *
 * @throws JinjaError, LimitError
 */
export function parse(source: string): Template {
  if (source.length > maxTemplateLength) {
    throw new LimitError(`has ${source.length} characters, over ${maxTemplateLength}`);
  }
  return new Parser(new TokenStream(tokenize(source))).template();
}

class Parser {
  readonly #stream: TokenStream;
  readonly #expressions: ExpressionParser;
  /** The special variables that each macro around the current place mentions. */
  readonly #mentions: Set<string>[] = [];

  constructor(stream: TokenStream) {
    this.#stream = stream;
    this.#expressions = new ExpressionParser(stream, (name) => {
      if (specialVariables.has(name)) for (const names of this.#mentions) names.add(name);
    });
  }

  template(): Template {
    const statements = this.#statements();
    if (this.#stream.current.type !== 'eof') throw this.#unknownTag();
    return statements;
  }

  /** Statements up to a tag that belongs to an enclosing one, or the end. */
  #statements(): Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      const { type, value, line } = this.#stream.current;
      if (type === 'text') {
        this.#stream.next();
        statements.push({ line, kind: 'text', text: value });
      } else if (type === 'begin' && value === '{{') {
        this.#stream.next();
        statements.push({ line, kind: 'output', value: this.#expressions.tuple() });
        this.#stream.expectEnd();
      } else {
        const statement = type === 'begin' ? this.#tag(line) : undefined;
        if (statement === undefined) return statements;
        statements.push(statement);
      }
    }
  }

  #tag(line: number): Statement | undefined {
    this.#stream.next();
    const parse = this.#tags.get(this.#stream.current.value);
    if (this.#stream.current.type !== 'name' || !parse) return undefined;
    this.#stream.next();
    return this.#stream.nested(() => parse(line));
  }

  readonly #tags: ReadonlyMap<string, (line: number) => Statement> = new Map<
    string,
    (line: number) => Statement
  >([
    ['if', (line) => this.#if(line)],
    ['for', (line) => this.#for(line)],
    ['set', (line) => this.#set(line)],
    ['with', (line) => this.#with(line)],
    ['macro', (line) => this.#macro(line)],
    ['call', (line) => this.#call(line)],
    ['filter', (line) => this.#filter(line)],
    ['block', (line) => this.#block(line)],
    ['autoescape', (line) => this.#autoescape(line)],
    // Marks the answers to train on: this extension of transformers changes nothing that is written.
    ['generation', (line) => ({ line, kind: 'scope', body: this.#body('endgeneration') })],
    ['do', (line) => this.#ended({ line, kind: 'do', value: this.#expressions.tuple() })],
    ['break', (line) => this.#ended({ line, kind: 'break' })],
    ['continue', (line) => this.#ended({ line, kind: 'continue' })],
  ]);

  #ended(statement: Statement): Statement {
    this.#stream.expectEnd();
    return statement;
  }

  /** The statements after a tag that ends here, up to the tag `end`. */
  #body(end: string): Statement[] {
    const { statements } = this.#bodyUpTo(end);
    this.#stream.expectEnd();
    return statements;
  }

  /** The statements after a tag that ends here, and which of the `ends` follows. */
  #bodyUpTo(...ends: readonly string[]): { statements: Statement[]; end: string } {
    this.#stream.expectEnd();
    const statements = this.#statements();
    const { type, value } = this.#stream.current;
    if (type !== 'name' || !ends.includes(value)) throw this.#unknownTag(ends);
    return { statements, end: this.#stream.next().value };
  }

  #unknownTag(ends: readonly string[] = []) {
    const { type, value, line } = this.#stream.current;
    const wanted = ends.length > 0 ? `, expected "${ends.join('" or "')}"` : '';
    if (type === 'eof') return syntaxError(`unexpected end of the template${wanted}`, line);
    return syntaxError(`unknown tag "${value}"${wanted}`, line);
  }

  #if(line: number): Statement {
    const branches: { test: Expression; body: readonly Statement[] }[] = [];
    for (;;) {
      const test = this.#expressions.tuple(() => this.#expressions.unconditional());
      const { statements, end } = this.#bodyUpTo('elif', 'else', 'endif');
      branches.push({ test, body: statements });
      if (end === 'elif') continue;
      const otherwise = end === 'else' ? this.#body('endif') : [];
      if (end === 'endif') this.#stream.expectEnd();
      return { line, kind: 'if', branches, otherwise };
    }
  }

  #for(line: number): Statement {
    const target = this.#target(false);
    this.#stream.expectName('in');
    const iterable = this.#expressions.tuple(() => this.#expressions.unconditional());
    const test = this.#stream.skipName('if') ? this.#expressions.expression() : undefined;
    const recursive = this.#stream.skipName('recursive');
    const { statements: body, end } = this.#bodyUpTo('endfor', 'else');
    const otherwise = end === 'else' ? this.#body('endfor') : [];
    if (end === 'endfor') this.#stream.expectEnd();
    return { line, kind: 'for', target, iterable, test, recursive, body, otherwise };
  }

  #set(line: number): Statement {
    const target = this.#target(true);
    if (this.#stream.skipOperator('=')) {
      return this.#ended({ line, kind: 'set', target, value: this.#expressions.tuple() });
    }
    const filter = this.#expressions.filters(undefined) as FilterExpression | undefined;
    return { line, kind: 'set block', target, filter, body: this.#body('endset') };
  }

  /** What is assigned to: a name, a member of a namespace, or several. */
  #target(withMembers: boolean): Target {
    const stream = this.#stream;
    const one = (): Target => {
      if (stream.skipOperator('(')) {
        const inside = stream.nested(() => this.#target(withMembers));
        stream.expectOperator(')');
        return inside;
      }
      const name = stream.expectName();
      if (!withMembers || !stream.skipOperator('.')) return { kind: 'name', name };
      return { kind: 'member', object: name, name: stream.expectName() };
    };
    const first = one();
    if (!stream.isOperator(',')) return first;
    const items = [first];
    while (stream.skipOperator(',')) {
      if (stream.current.type === 'name' && !stream.isName('in')) items.push(one());
      else if (stream.isOperator('(')) items.push(one());
    }
    return { kind: 'tuple', items };
  }

  #with(line: number): Statement {
    const targets: [Target, Expression][] = [];
    while (!this.#stream.isEnd()) {
      if (targets.length > 0) this.#stream.expectOperator(',');
      const name = this.#stream.expectName();
      this.#stream.expectOperator('=');
      targets.push([{ kind: 'name', name }, this.#expressions.expression()]);
    }
    return { line, kind: 'with', targets, body: this.#body('endwith') };
  }

  #macro(line: number): Statement {
    const name = this.#stream.expectName();
    const parameters = this.#parameters();
    return { line, kind: 'macro', macro: this.#macroBody(name, parameters, 'endmacro') };
  }

  #call(line: number): Statement {
    const parameters = this.#stream.isOperator('(') ? this.#parameters() : [];
    const call = this.#expressions.expression();
    if (call.kind !== 'call') throw syntaxError('expected call', line);
    const caller = this.#macroBody(undefined, parameters, 'endcall');
    return { line, kind: 'call block', callee: call.callee, args: call.args, caller };
  }

  #parameters(): Parameter[] {
    const stream = this.#stream;
    const parameters: Parameter[] = [];
    stream.expectOperator('(');
    while (!stream.skipOperator(')')) {
      if (parameters.length > 0) stream.expectOperator(',');
      const name = stream.expectName();
      const value = stream.skipOperator('=') ? this.#expressions.expression() : undefined;
      if (value === undefined && parameters.at(-1)?.default) {
        throw syntaxError('non-default argument follows default argument', stream.current.line);
      }
      parameters.push({ name, default: value });
    }
    return parameters;
  }

  #macroBody(name: string | undefined, parameters: Parameter[], end: string): MacroBody {
    const takes = new Set<string>();
    this.#mentions.push(takes);
    const body = this.#body(end);
    this.#mentions.pop();
    return { name, parameters, body, takes };
  }

  #filter(line: number): Statement {
    const first = this.#expressions.filter(undefined);
    const filter = this.#expressions.filters(first) as FilterExpression;
    return { line, kind: 'filter block', filter, body: this.#body('endfilter') };
  }

  /** Without other templates to put something in its place, a block is what it holds. */
  #block(line: number): Statement {
    const name = this.#stream.expectName();
    this.#stream.skipName('scoped');
    this.#stream.skipName('required');
    const { statements: body } = this.#bodyUpTo('endblock');
    this.#stream.skipName(name);
    return this.#ended({ line, kind: 'scope', body });
  }

  #autoescape(line: number): Statement {
    const value = this.#expressions.expression();
    if (value.kind !== 'constant' || value.value !== false) {
      throw syntaxError('autoescape must be false', line);
    }
    return { line, kind: 'scope', body: this.#body('endautoescape') };
  }
}

const specialVariables: ReadonlySet<string> = new Set(['caller', 'varargs', 'kwargs']);
