import { isUtf8 } from 'node:buffer';
import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import { checkKinds, type EvalItem, parseEvalItems } from './items.js';
import { isZip, type ZipEntry, zipEntries } from './zip.js';

/** Bytes of all lines together; public sets have up to 30 MB. */
export const maxItemBytes = 64 * 1024 * 1024;

interface FileOptions {
  /** How errors call the file, for example `file "a.zip"`. */
  readonly name: string;
  /** Part of the names of the files of an archive that count. @default all, if they are of one part */
  readonly entry?: string | undefined;
  /** The labels of a file without, one a line. */
  readonly labels?: string | undefined;
}

/**
 * The items in JSON Lines, or in the files of a zip archive that are, as BLiMP is published. Of an
 * archive with parts, such as for training and for tests, one must be named.
 *
 * @throws ERR_BITNET_FILE
 */
export function itemsInFile(bytes: Uint8Array, { name, entry, labels }: FileOptions): EvalItem[] {
  if (!isZip(bytes)) {
    if (entry !== undefined) throw wrong(name, 'be a zip archive', 'it is not; leave out --entry');
    return itemsIn(bytes, name, labels);
  }
  const entries = zipEntries(bytes, `the ${name}`);
  const chosen = chosenEntries(entries, name, entry);
  const items: EvalItem[] = [];
  for (const file of chosen) {
    const list = entries.find((other) => other.name === labelsName(file.name));
    const inside = `file ${quote(file.name)} in ${name}`;
    const own = list === undefined ? undefined : decoded(list.read(), inside);
    for (const item of itemsIn(file.read(), inside, own)) items.push(item);
  }
  checkKinds(items, (found) => wrong(name, 'hold items of one form', found));
  return items;
}

/** The name of the file with the labels of another one, as PIQA is published. */
export function labelsName(name: string): string {
  return name.replace(/\.jsonl$/, '-labels.lst');
}

function itemsIn(bytes: Uint8Array, name: string, labels: string | undefined): EvalItem[] {
  const text = decoded(bytes, name);
  try {
    return parseEvalItems(text, labels);
  } catch (error) {
    if (!(error instanceof BitnetError) || !name.includes(' in ')) throw error;
    const message = error.message.replace(/ on line (\d+)/, ` on line $1 of ${name}`);
    throw new BitnetError(error.code, message, { cause: error });
  }
}

function chosenEntries(
  entries: readonly ZipEntry[],
  name: string,
  entry: string | undefined,
): ZipEntry[] {
  const lines = entries.filter((file) => /^(?!__MACOSX).*\.jsonl$/.test(file.name));
  const chosen = lines.filter((file) => file.name.includes(entry ?? ''));
  const names = () =>
    lines
      .slice(0, 12)
      .map((file) => quote(file.name))
      .join(', ') || 'none';
  if (chosen.length === 0) throw wrong(name, `hold ${quote(entry ?? '')} as .jsonl`, names());
  const parts = chosen.some((file) =>
    /(?:^|[-_/.])(?:train|dev|val|valid|test)(?:[-_.]|$)/i.test(file.name),
  );
  if (parts && chosen.length > 1) {
    throw wrong(name, 'hold one part, or --entry to name it', names());
  }
  const bytes = chosen.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= maxItemBytes) return chosen;
  throw wrong(name, `hold at most ${maxItemBytes} bytes of items`, `${bytes}`);
}

function decoded(bytes: Uint8Array, name: string): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  throw wrong(name, 'hold UTF-8 text', 'other bytes');
}

function wrong(name: string, expected: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the ${name} to ${expected}, but found ${found}.`,
  );
}
