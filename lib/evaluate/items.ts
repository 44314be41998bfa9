import { argumentError, received } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { fromPublished } from './published.js';

/** A question and its possible answers; `label` is the position of the right one. */
export interface ChoiceItem {
  readonly question: string;
  readonly choices: readonly string[];
  readonly label: number;
  /** As the option `blank` of `evalItems`, for this item. @default what the option says */
  readonly blank?: boolean;
}

/** A text whose last word is to be predicted. */
export interface LastWordItem {
  readonly text: string;
}

export type EvalItem = ChoiceItem | LastWordItem;

/** More answers than this are a mistake. */
const mostChoices = 1000;

/**
 * Reads JSON Lines: on each line `{ question, choices, label }`, or on each line `{ text }`, or a line of
 * HellaSwag, ARC, PIQA, WinoGrande or BLiMP as published; other fields are ignored, and so are empty
 * lines and a byte order mark at the beginning.
 *
 * @param labels those of lines that have none, one a line, as PIQA is published
 * @throws `ERR_BITNET_FILE` with the number of the first line that is neither, as `error.line` too
 */
export function parseEvalItems(text: string, labels?: string): EvalItem[] {
  if (typeof text !== 'string') throw argumentError('lines of JSON as a text', 'text', text);
  if (labels !== undefined && typeof labels !== 'string') {
    throw argumentError('a label a line as a text', 'labels', labels);
  }
  const given = labels === undefined ? undefined : linesOf(labels);
  const items: EvalItem[] = [];
  let number = 0;
  for (const line of linesOf(text.replace(/^\ufeff/, ''))) {
    number++;
    if (line.trim() === '') continue;
    const label = given?.next().value?.trim();
    items.push(checkedItem(published(parsed(line, number), label), items[0], wrongLine(number)));
  }
  if (items.length > 0) return items;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    'Expected at least one line of { question, choices, label } or { text }, but there is none; give another text or file.',
  );
}

/** One after the other: a list of all would take far more memory than a text of empty lines. */
function* linesOf(text: string): Generator<string, undefined, undefined> {
  let begin = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
    yield text.slice(begin, end);
    begin = end + 1;
  }
  yield text.slice(begin);
}

/** In the form of an item, with the label of another file where it has none. */
function published(value: unknown, label: string | undefined): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return fromPublished({ ...(label !== undefined && { label }), ...value });
}

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw wrongLine(number)('a JSON object', `is not JSON (${(error as Error).message})`);
  }
}

/** Copies of items that a program made; throws `ERR_BITNET_ARGUMENT`. */
export function checkedItems(items: readonly unknown[], count: number): EvalItem[] {
  const checked: EvalItem[] = [];
  for (let i = 0; i < count; i++) checked.push(checkedItem(items[i], checked[0], wrongElement(i)));
  return checked;
}

/** Makes the error for what was expected and what was found, as the end of a sentence about it. */
type Wrong = (expected: string, found: string) => BitnetError;

function checkedItem(value: unknown, first: EvalItem | undefined, wrong: Wrong): EvalItem {
  const item = itemOf(value, wrong);
  if (first === undefined || 'text' in first === 'text' in item) return item;
  const kind = 'text' in first ? '{ text }' : '{ question, choices, label }';
  throw wrong(`${kind} like what came before`, 'is of the other kind');
}

/** Throws unless items that were read apart are of one kind. */
export function checkKinds(items: readonly EvalItem[], wrong: (found: string) => BitnetError) {
  const [first] = items;
  const other = items.find((item) => 'text' in item !== 'text' in first!);
  if (other !== undefined) throw wrong('{ text } and { question, choices, label }');
}

function itemOf(value: unknown, wrong: Wrong): EvalItem {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('an object', `is ${received(value)}`);
  }
  const { question, choices, label, blank, text } = value as Record<string, unknown>;
  if (text !== undefined && choices === undefined) {
    if (typeof text === 'string' && lastWordStart(text) > 0) return { text };
    throw wrong('a text of at least two words', `has ${received(text)} as text`);
  }
  if (typeof question !== 'string') {
    throw wrong('a text as question', `has ${received(question)}`);
  }
  if (!isChoices(choices)) {
    const texts = `2 to ${mostChoices} texts, none of them empty, as choices`;
    throw wrong(texts, `has ${received(choices)}`);
  }
  if (typeof label === 'number' && Number.isInteger(label) && choices[label] !== undefined) {
    return { question, choices: [...choices], label, ...(blank === true && { blank }) };
  }
  const range = `an integer from 0 to ${choices.length - 1} as label`;
  throw wrong(range, `has ${received(label)}`);
}

function isChoices(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length >= 2 &&
    value.length <= mostChoices &&
    // copied first, because every() skips holes
    [...value].every((choice) => typeof choice === 'string' && choice.trim() !== '')
  );
}

/**
 * Where the last word of a text begins, with the space before it; 0 where there is only one word.
 * Steps back once: an expression for it would try every space as the one before the last word.
 */
export function lastWordStart(text: string): number {
  let at = text.trimEnd().length;
  while (at > 0 && text[at - 1]!.trim() !== '') at--;
  return text.slice(0, at).trimEnd().length;
}

function wrongLine(line: number): Wrong {
  return (expected, found) =>
    new BitnetError(
      'ERR_BITNET_FILE',
      `Expected ${expected} on line ${line}, but it ${found}; correct or remove the line.`,
      { line },
    );
}

function wrongElement(index: number): Wrong {
  return (expected, found) =>
    new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected ${expected} for items[${index}], but it ${found}; correct or remove it.`,
      { item: index },
    );
}
