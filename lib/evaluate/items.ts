import { BitnetError } from '../errors.js';
import { received } from '../generate/option-checks.js';

/** A question and its possible answers; `label` is the position of the right one. */
export interface ChoiceItem {
  readonly question: string;
  readonly choices: readonly string[];
  readonly label: number;
}

/** A text whose last word is to be predicted. */
export interface LastWordItem {
  readonly text: string;
}

export type EvalItem = ChoiceItem | LastWordItem;

/** More answers than this are a mistake. */
const mostChoices = 1000;

/**
 * Reads JSON Lines: on each line `{ question, choices, label }`, or on each line `{ text }`; other
 * fields are ignored, and so are empty lines.
 *
 * @throws `ERR_BITNET_FILE` with the number of the first line that is neither, as `error.line` too
 */
export function parseEvalItems(text: string): EvalItem[] {
  const items: EvalItem[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const item = itemOf(line, i + 1);
    const first = items[0];
    if (first && 'text' in first !== 'text' in item) {
      const kind = 'text' in first ? '{ text }' : '{ question, choices, label }';
      throw malformed(i + 1, `${kind} like the lines before`, 'is of the other kind');
    }
    items.push(item);
  }
  if (items.length > 0) return items;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    'Expected at least one line of { question, choices, label } or { text }, but all are empty; give another file.',
  );
}

function itemOf(line: string, number: number): EvalItem {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw malformed(number, 'a JSON object', `is not JSON (${(error as Error).message})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(number, 'a JSON object', `is ${received(value)}`);
  }
  const { question, choices, label, text } = value as Record<string, unknown>;
  if (text !== undefined && choices === undefined) {
    if (typeof text === 'string' && lastWordStart(text) > 0) return { text };
    throw malformed(number, 'a text of at least two words', `has ${received(text)} as text`);
  }
  if (typeof question !== 'string') {
    throw malformed(number, 'a text as question', `has ${received(question)}`);
  }
  if (!isChoices(choices)) {
    const texts = `2 to ${mostChoices} texts, none of them empty, as choices`;
    throw malformed(number, texts, `has ${received(choices)}`);
  }
  if (typeof label === 'number' && Number.isInteger(label) && choices[label] !== undefined) {
    return { question, choices, label };
  }
  const range = `an integer from 0 to ${choices.length - 1} as label`;
  throw malformed(number, range, `has ${received(label)}`);
}

function isChoices(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length >= 2 &&
    value.length <= mostChoices &&
    value.every((choice) => typeof choice === 'string' && choice.trim() !== '')
  );
}

/** Where the last word of a text begins, with the space before it; 0 where there is only one word. */
export function lastWordStart(text: string): number {
  const { index = 0 } = /\s+\S+\s*$/.exec(text) ?? {};
  return text.slice(0, index).trim() === '' ? 0 : index;
}

function malformed(line: number, expected: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected ${expected} on line ${line}, but it ${found}; correct or remove the line.`,
    { line },
  );
}
