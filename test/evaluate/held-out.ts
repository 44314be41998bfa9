import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Model } from '../../lib/index.js';
import { random } from '../fixtures/random.js';

const corpus = resolve(__dirname, '../../../shared/data/corpus/tinystories.valid.txt');

/** Stories the embedded model was not trained on, at least `bytes` of them. */
export function heldOutText(bytes: number): string {
  const text = existsSync(corpus) ? readFileSync(corpus, 'utf8') : ownStories(bytes);
  return text.slice(0, bytes);
}

const subjects = ['Ben', 'Mia', 'the old baker', 'a grey mouse', 'the tall girl', 'my uncle'];
const verbs = ['found', 'painted', 'carried', 'hid', 'looked for', 'gave away', 'mended'];
const objects = ['a red kite', 'the wooden boat', 'three apples', 'her lantern', 'a loud drum'];
const places = ['in the garden', 'by the river', 'under the stairs', 'on the hill', 'at school'];
const feelings = ['glad', 'tired', 'a little afraid', 'very proud', 'hungry', 'quiet'];
const joints = ['Then', 'After lunch', 'One morning', 'Suddenly', 'Because it rained', 'Later'];

/** Stories made up here, for clones without the corpus. */
export function ownStories(bytes: number): string {
  const next = random(17);
  const one = (words: readonly string[]) => words[Math.floor(next() * words.length)]!;
  let text = '';
  while (text.length < bytes) {
    const who = one(subjects);
    text += `${one(joints)}, ${who} ${one(verbs)} ${one(objects)} ${one(places)}. `;
    text += `"Are you ${one(feelings)}?" asked ${one(subjects)}. `;
    text += `They were ${one(feelings)}, and ${who} ${one(verbs)} ${one(objects)}.\n`;
  }
  return text;
}

/** The first windows of a text: the begin token and what fills the context after it. */
export function disjointWindows(
  model: Model,
  text: string,
  contextLength: number,
  count: number,
): number[][] {
  const ids = model.tokenize(text);
  const room = contextLength - 1;
  return Array.from({ length: count }, (_, i) => [
    model.tokenizer.bos!,
    ...ids.slice(i * room, (i + 1) * room),
  ]);
}
