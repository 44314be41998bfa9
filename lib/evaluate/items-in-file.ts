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
  /** Of the file, for errors. */
  readonly path?: string | undefined;
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
export function itemsInFile(bytes: Uint8Array, options: FileOptions): EvalItem[] {
  const { name, entry, labels } = options;
  if (!isZip(bytes)) {
    if (entry === undefined) return parseEvalItems(decoded(bytes, options), labels);
    throw wrong(options, 'be a zip archive', 'another kind of file', 'leave out --entry');
  }
  const entries = zipEntries(bytes, `the ${name}`, maxItemBytes);
  const items: EvalItem[] = [];
  for (const { lines, labels } of withLabels(chosenEntries(entries, options), entries, options)) {
    const inside = { ...options, name: `file ${quote(lines.name)} in ${name}` };
    const own = labels && decoded(labels.read(), inside);
    for (const item of itemsInEntry(decoded(lines.read(), inside), own, inside)) items.push(item);
  }
  const apart = 'choose files of one form with --entry';
  checkKinds(items, (found) => wrong(options, 'hold items of one form', found, apart));
  return items;
}

/** The name of the file with the labels of another one, as PIQA is published. */
export function labelsName(name: string): string {
  return name.replace(/\.jsonl$/, '-labels.lst');
}

/** As `parseEvalItems`, with the name of the file in what it throws. */
function itemsInEntry(
  text: string,
  labels: string | undefined,
  { name, path }: FileOptions,
): EvalItem[] {
  try {
    return parseEvalItems(text, labels);
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    const message = error.message.replace(/ on line (\d+)/, ` on line $1 of ${name}`);
    const { line } = error as BitnetError<'ERR_BITNET_FILE'>;
    throw new BitnetError(error.code, message, { path, line, cause: error });
  }
}

/** A file with items, and the one with its labels. */
interface LabeledEntry {
  readonly lines: ZipEntry;
  readonly labels: ZipEntry | undefined;
}

/** @throws ERR_BITNET_FILE where all that would be unpacked is more than `maxItemBytes` */
function withLabels(
  chosen: readonly ZipEntry[],
  entries: readonly ZipEntry[],
  options: FileOptions,
): LabeledEntry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const labeled = chosen.map((lines) => ({ lines, labels: byName.get(labelsName(lines.name)) }));
  const bytes = labeled.reduce(
    (sum, { lines, labels }) => sum + lines.bytes + (labels?.bytes ?? 0),
    0,
  );
  if (bytes <= maxItemBytes) return labeled;
  const most = `hold at most ${maxItemBytes} bytes of items and labels`;
  throw wrong(options, most, `${bytes}`, 'choose fewer of its files with --entry');
}

function chosenEntries(entries: readonly ZipEntry[], options: FileOptions): ZipEntry[] {
  const { entry } = options;
  const lines = entries.filter((file) => /^(?!__MACOSX).*\.jsonl$/.test(file.name));
  const chosen = lines.filter((file) => file.name.includes(entry ?? ''));
  const names = () =>
    lines
      .slice(0, 12)
      .map((file) => quote(file.name))
      .join(', ') || 'none';
  if (chosen.length === 0) {
    const expected = entry === undefined ? 'hold .jsonl files' : `hold ${quote(entry)} as .jsonl`;
    throw wrong(options, expected, names(), 'give another file or another --entry');
  }
  const parts = chosen.some((file) =>
    /(?:^|[-_/.])(?:train|dev|val|valid|test)(?:[-_.]|$)/i.test(file.name),
  );
  if (!parts || chosen.length === 1) return chosen;
  throw wrong(options, 'hold one part, or --entry to name it', names(), 'name one with --entry');
}

function decoded(bytes: Uint8Array, options: FileOptions): string {
  if (isUtf8(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  throw wrong(options, 'hold UTF-8 text', 'other bytes', 'convert it to UTF-8');
}

function wrong(
  { name, path }: FileOptions,
  expected: string,
  found: string,
  fix: string,
): BitnetError {
  const message = `Expected the ${name} to ${expected}, but found ${found}; ${fix}.`;
  return new BitnetError('ERR_BITNET_FILE', message, { path });
}
