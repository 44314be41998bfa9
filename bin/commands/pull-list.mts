import process from 'node:process';
import { largestOf } from '../../lib/extremes.js';
import { Output } from '../output.mjs';
import { columnsOf } from '../terminal.mjs';

/** `bitnet pull --list`: models that have a short name, and which of them are here; without repositories where they do not fit. */
export async function listCatalog({ json }: { readonly json?: boolean }): Promise<void> {
  const { listModels } = await import('../../lib/pull/store.js');
  const { modelCatalog } = await import('../../lib/pull/catalog.js');
  const { matching } = await import('../../lib/pull/store.js');
  const pulled = await listModels();
  const models = modelCatalog.map((model) => {
    const here = matching(model.name, pulled).find(({ complete }) => complete);
    return { ...model, path: here?.path ?? null };
  });
  const output = new Output();
  if (json) return output.json({ models });
  const rows = models.map(({ name, about, license, bytes, repository, path }) => [
    ...[name, about, `${bytes / 1e9} GB`, license, path === null ? '' : 'pulled'],
    repository,
  ]);
  const whole = table(rows);
  const room = columnsOf(process.stdout);
  const fits = whole.every((line) => line.length <= room);
  await output.lines(fits ? whole : table(rows.map((row) => row.slice(0, -1))));
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => largestOf(rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
