import type { EncodeOptions, Tokenizer } from '../tokenizer/index.js';

/** Makes tokens of text. */
type Encode = (text: string, options?: EncodeOptions) => Promise<number[]>;

/** A part of a chat in a session: a control token, or text and its tokens. */
export interface WrittenPart {
  /** As the template rendered it. */
  readonly part: string | number;
  readonly ids: readonly number[];
  /** What the model wrote after it. */
  readonly answer?: { readonly text: string; readonly ids: readonly number[] };
}

/**
 * The tokens of a rendered chat, so that what a session has of it stays as it is. A model's answer is
 * in the session as the tokens that were sampled; the same text, tokenized after the words that prompt
 * the answer, may give others ("Assistant: " and "Hi" are not "Assistant: Hi"). So if a part is
 * what was written before, its earlier tokens are used. White space around an answer that the
 * template adds or removes does not matter: the session keeps the answer as it was written. From
 * the first part that differs, because turns were dropped or the template rewrites the past,
 * text is tokenized as usual.
 */
export async function encodeAfter(
  written: readonly WrittenPart[],
  parts: readonly (string | number)[],
  encode: Encode,
): Promise<WrittenPart[]> {
  let same = true;
  const encoded: WrittenPart[] = [];
  for (const [i, part] of parts.entries()) {
    const known: readonly number[] | undefined = same
      ? await idsOf(written[i], part, encode)
      : undefined;
    same = known !== undefined && written[i]?.part === part;
    const ids = known ?? (typeof part === 'string' ? await encode(part) : [part]);
    encoded.push({ part, ids });
  }
  return encoded;
}

async function idsOf(
  known: WrittenPart | undefined,
  part: string | number,
  encode: Encode,
): Promise<readonly number[] | undefined> {
  if (known === undefined) return undefined;
  if (known.part === part) return known.ids;
  if (known.answer === undefined || typeof part !== 'string' || typeof known.part !== 'string') {
    return undefined;
  }
  const tail = behindAnswer(known.part, known.answer.text, part);
  if (tail === undefined) return undefined;
  return [
    ...known.ids,
    ...known.answer.ids,
    ...(tail === '' ? [] : await encode(tail, { continues: true })),
  ];
}

/** What follows `before` and `answer` in `part`; undefined when it does not begin with these. */
function behindAnswer(before: string, answer: string, part: string): string | undefined {
  if (part.startsWith(before + answer)) return part.slice(before.length + answer.length);
  const start = before.trimEnd();
  if (!part.startsWith(start)) return undefined;
  const rest = part.slice(start.length).trimStart();
  const core = answer.trim();
  if (!rest.startsWith(core)) return undefined;
  const tail = rest.slice(core.length);
  const space = answer.slice(answer.trimEnd().length);
  if (tail.startsWith(space)) return tail.slice(space.length);
  return space.startsWith(tail) ? '' : tail;
}

/** `parts` with the answer that followed them, if its tokens spell it. */
export function withAnswer(
  parts: readonly WrittenPart[],
  answer: { readonly text: string; readonly ids: readonly number[] },
  tokenizer: Tokenizer,
): WrittenPart[] {
  const { text, ids } = answer;
  if (text === '' || spelled(ids, tokenizer) !== text) return [...parts];
  const last = parts.at(-1);
  if (typeof last?.part === 'string') return [...parts.slice(0, -1), { ...last, answer }];
  return [...parts, { part: '', ids: [], answer }];
}

/** The text of tokens; less than what they are where one of them is a control token. */
function spelled(ids: readonly number[], tokenizer: Tokenizer): string | undefined {
  const pieces: Uint8Array[] = [];
  for (const id of ids) {
    const bytes = id < tokenizer.vocabSize ? tokenizer.tokenBytes(id) : undefined;
    if (bytes === undefined || bytes.length === 0) return undefined;
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString();
}
