import { BitnetError } from '../../errors.js';
import { anyCharacter } from '../code-ranges.js';
import {
  choice,
  type Expression,
  oneOf,
  type Rules,
  repeat,
  rule,
  sequenceOf,
  text,
} from '../expression.js';
import { maxGrammarLength, maxGroupDepth, maxRepetition } from '../limits.js';
import { characterClass, literal } from './characters.js';
import { Cursor } from './cursor.js';

/**
 * Reads a grammar as llama.cpp writes it (GBNF). Rule `root` is where texts begin.
 *
 * @throws ERR_BITNET_GRAMMAR with `line` and `column`
 */
export function parseGbnf(source: string): Rules {
  if (source.length > maxGrammarLength) {
    throw grammarError(
      `Expected a grammar of at most ${maxGrammarLength} characters, but it has ${source.length}; make it smaller.`,
    );
  }
  const cursor = new Cursor(source);
  const rules = new Map<string, Expression>();
  /** Names that rules use, and where they do first. */
  const used: Names = new Map();
  cursor.skipSpace(true);
  while (!cursor.atEnd) {
    const name = cursor.match(nameOfRule);
    if (name === '') throw cursor.fail('the name of a rule (letters, digits, - and _)');
    if (rules.has(name)) throw cursor.fail(`rule "${name}" to be written once`, 'another one');
    cursor.skipSpace(false);
    if (!cursor.take('::=')) throw cursor.fail(`::= behind the name of rule "${name}"`);
    cursor.skipSpace(true);
    rules.set(name, alternatives(cursor, used, 0));
    if (!cursor.atEnd && !/[\r\n]/.test(cursor.next)) {
      throw cursor.fail('the end of the line, | or more of the rule');
    }
    cursor.skipSpace(true);
  }
  const root = rules.get('root');
  if (root === undefined) {
    throw grammarError(
      'Expected a rule "root" in the grammar, where texts begin, but there is none; write root ::= …',
    );
  }
  for (const [name, place] of used) {
    if (!rules.has(name))
      throw cursor.failAt(place, 'the name of a rule', `"${name}", which is none`);
  }
  rules.delete('root');
  return new Map([['root', root], ...rules]);
}

type Names = Map<string, number>;

const nameOfRule = /[A-Za-z0-9_-]+/y;

function alternatives(cursor: Cursor, used: Names, depth: number): Expression {
  const items = [elements(cursor, used, depth)];
  while (cursor.take('|')) {
    cursor.skipSpace(true);
    items.push(elements(cursor, used, depth));
  }
  return choice(items);
}

function elements(cursor: Cursor, used: Names, depth: number): Expression {
  const items: Expression[] = [];
  for (;;) {
    const bounds = items.length > 0 ? repetition(cursor) : undefined;
    if (bounds) items.push(repeat(items.pop()!, ...bounds));
    else {
      const item = element(cursor, used, depth);
      if (item === undefined) return sequenceOf(items);
      items.push(item);
    }
    cursor.skipSpace(depth > 0);
  }
}

/** undefined where none begins. */
function element(cursor: Cursor, used: Names, depth: number): Expression | undefined {
  if (cursor.take('"')) return text(literal(cursor));
  if (cursor.take('[')) return oneOf(characterClass(cursor));
  if (cursor.take('.')) return oneOf(anyCharacter);
  if (cursor.startsWith('<') || cursor.startsWith('!')) return token(cursor);
  if (cursor.take('(')) {
    if (depth >= maxGroupDepth) throw cursor.fail(`groups nested at most ${maxGroupDepth} deep`);
    cursor.skipSpace(true);
    const group = alternatives(cursor, used, depth + 1);
    if (!cursor.take(')')) throw cursor.fail('a closing parenthesis, | or more of the group');
    return group;
  }
  if (/^[*+?{]$/.test(cursor.next)) throw cursor.fail('something to repeat before it');
  if (!/^[A-Za-z0-9_-]$/.test(cursor.next)) return undefined;
  const { place } = cursor;
  const name = cursor.match(nameOfRule);
  if (!used.has(name)) used.set(name, place);
  return rule(name);
}

/** `<text>` or `<[id]>`, either behind `!`. */
function token(cursor: Cursor): Expression {
  const negated = cursor.take('!');
  const byId = cursor.match(/<\[\d{1,9}\]>/y);
  if (byId !== '') return { type: 'token', token: Number(byId.slice(2, -2)), negated };
  const byText = cursor.match(/<[^<>\r\n]{1,200}>/y);
  if (byText === '') throw cursor.fail('a token, such as <[1000]> or <think>');
  return { type: 'token', token: byText, negated };
}

function repetition(cursor: Cursor): [min: number, max: number] | undefined {
  if (cursor.take('*')) return [0, Number.POSITIVE_INFINITY];
  if (cursor.take('+')) return [1, Number.POSITIVE_INFINITY];
  if (cursor.take('?')) return [0, 1];
  if (!cursor.startsWith('{')) return undefined;
  const { place } = cursor;
  const written = cursor.match(/\{[\d, \t\r\n]*\}/y).replaceAll(/[ \t\r\n]/g, '');
  const found = /^\{(\d+)(?:(,)(\d+)?)?\}$/.exec(written);
  if (!found) throw cursor.failAt(place, 'a repetition {m}, {m,} or {m,n}');
  const min = Number(found[1]);
  const open = found[2] !== undefined && found[3] === undefined;
  const max = open ? Number.POSITIVE_INFINITY : Number(found[3] ?? found[1]);
  if (min <= maxRepetition && (open || (min <= max && max <= maxRepetition))) return [min, max];
  throw cursor.failAt(place, `ascending numbers up to ${maxRepetition} in a repetition`);
}

function grammarError(message: string): BitnetError {
  return new BitnetError('ERR_BITNET_GRAMMAR', message);
}
