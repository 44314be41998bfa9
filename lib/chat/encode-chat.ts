import { BitnetError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/index.js';
import type { ChatMessage } from './messages.js';

/**
 * A chat as control tokens and the non-empty texts between, in which control tokens come from the template alone.
 *
 * A message that contains `<|eot_id|>` must not end its turn. What a template renders no longer
 * says which part was written by whom, and marks around the contents would change what the template
 * does with them (trim them, look for `</think>`). So the chat is rendered twice: as it is, and
 * `inert`, with every character of the contents that begins or ends some control token replaced by
 * a stand-in, so that no control token can begin or end inside a content. The control tokens of the
 * inert text are those of the template. If the text as it is has the same ones, and no content
 * spells one, it is used; if not, the inert text is, and its stand-ins are turned back after the
 * control tokens are found. (A template that itself writes the two ends of a control token around a
 * content, `<|{{ content }}|>`, means to make one.)
 *
 * @param template its source
 * @param render from messages to text; also called with other contents than the chat's
 */
export function chatParts(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  template: string,
  render: (messages: readonly ChatMessage[]) => string,
): (string | number)[] {
  return begun(tokenizer, renderedParts(tokenizer, messages, template, render));
}

/** With the begin token once, if the model wants it. */
function begun(tokenizer: Tokenizer, parts: (string | number)[]): (string | number)[] {
  const { addBos, bos } = tokenizer;
  return addBos && bos !== undefined && parts[0] !== bos ? [bos, ...parts] : parts;
}

function renderedParts(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  template: string,
  render: (messages: readonly ChatMessage[]) => string,
): (string | number)[] {
  const contents = messages.map(({ content }) => content).join('\n');
  const standIns = chooseStandIns(contents, template, tokenizer);
  if (standIns.size === 0) return tokenizer.splitControl(render(messages));
  const inert = messages.map(({ role, content }) => ({
    role,
    content: replaced(content, standIns),
  }));
  const inertParts = tokenizer.splitControl(render(inert));
  if (!messages.some(({ content }) => hasControl(tokenizer, content))) {
    const parts = tokenizer.splitControl(render(messages));
    if (sameControl(parts, inertParts)) return parts;
  }
  const originals = new Map([...standIns].map(([original, standIn]) => [standIn, original]));
  return inertParts.map((part) => (typeof part === 'string' ? replaced(part, originals) : part));
}

function hasControl(tokenizer: Tokenizer, text: string): boolean {
  return tokenizer.splitControl(text).some((part) => typeof part === 'number');
}

function sameControl(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  const control = (parts: readonly (string | number)[]) =>
    parts.filter((part) => typeof part === 'number').join();
  return control(a) === control(b);
}

/**
 * For each character of `contents` that begins or ends a control token, a private-use character
 * that occurs nowhere in the chat.
 */
function chooseStandIns(
  contents: string,
  template: string,
  { controlTokens }: Tokenizer,
): Map<string, string> {
  const standIns = new Map<string, string>();
  const inContents = new Set(contents);
  const controlTexts = [...controlTokens.keys()];
  const used = new Set([...contents, ...template, ...controlTexts.join('')]);
  const free = privateUse();
  for (const text of controlTexts) {
    const characters = [...text];
    for (const edge of [characters[0]!, characters.at(-1)!]) {
      if (inContents.has(edge) && !standIns.has(edge)) standIns.set(edge, unused(free, used));
    }
  }
  return standIns;
}

function unused(candidates: Iterator<string>, used: ReadonlySet<string>): string {
  for (;;) {
    const { value, done } = candidates.next();
    if (done) break;
    if (!used.has(value)) return value;
  }
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected messages that leave some private-use character unused, but received all of them.',
  );
}

function* privateUse(): Generator<string> {
  for (const [first, last] of privateUseBlocks) {
    for (let code = first; code <= last; code++) yield String.fromCodePoint(code);
  }
}

const privateUseBlocks: readonly (readonly [number, number])[] = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
];

/** `text` with each character that is a key of `by` replaced by its value. */
function replaced(text: string, by: ReadonlyMap<string, string>): string {
  let result = '';
  for (const character of text) result += by.get(character) ?? character;
  return result;
}
