import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  kindOf,
} from '../../json/json-value.js';
import { unfit } from './unfit.js';
import type { TextEnds } from './vocabulary.js';

/** The tokens that the `post_processor` of a tokenizer.json puts around a text. */
export function endsOf(path: string, node: JsonValue): TextEnds {
  let ends: TextEnds = { first: null, last: null };
  for (const step of processors(path, node)) {
    if (step.type === 'TemplateProcessing') ends = templateEnds(path, step);
    if (step.type === 'BertProcessing' || step.type === 'RobertaProcessing') {
      ends = { first: textIn(step.cls), last: textIn(step.sep) };
    }
  }
  return ends;
}

function processors(path: string, node: JsonValue): JsonObject[] {
  if (node === null) return [];
  if (!isObject(node)) throw unfit(path, 'post_processor', 'an object', kindOf(node));
  return isArray(node.processors) ? node.processors.filter(isObject) : [node];
}

/** Special tokens before and behind the text itself; of several the one beside it counts as in no other place. */
function templateEnds(path: string, { single }: JsonObject): TextEnds {
  if (!isArray(single)) throw unfit(path, 'post_processor.single', 'a list', kindOf(single));
  const parts = single.filter(isObject);
  const text = parts.findIndex((part) => part.Sequence !== undefined);
  const special = (part: JsonObject | undefined) =>
    isObject(part?.SpecialToken) && typeof part.SpecialToken.id === 'string'
      ? part.SpecialToken.id
      : null;
  if (text < 0 || text > 1 || parts.length - text > 2) {
    const found = `${parts.length} parts`;
    const expected = 'a text with at most one token before it and one behind it';
    throw unfit(path, 'post_processor.single', expected, found, 'this tokenizer is not supported');
  }
  return {
    first: text > 0 ? special(parts[0]) : null,
    last: text < parts.length - 1 ? special(parts.at(-1)) : null,
  };
}

/** Of a pair ["<s>", 0]. */
function textIn(pair: JsonValue | undefined): string | null {
  return isArray(pair) && typeof pair[0] === 'string' ? pair[0] : null;
}
