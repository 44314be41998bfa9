import { largestOf } from '../../lib/extremes.js';
import { Output } from '../output.mjs';

/** `bitnet pull --list`: models that have a short name, and which of them are here. */
export async function listCatalog({ json }: { readonly json?: boolean }): Promise<void> {
  const { listModels, modelCatalog } = await import('../../lib/index.js');
  const { matching } = await import('../../lib/pull/store.js');
  const pulled = await listModels();
  const models = modelCatalog.map((model) => {
    const here = matching(model.name, pulled).find(({ complete }) => complete);
    return { ...model, path: here?.path ?? null };
  });
  const output = new Output();
  if (json) return output.json({ models });
  const rows = models.map(({ name, about, license, bytes, repository, path }) => [
    ...[name, about, `${bytes / 1e9} GB`, license, repository],
    path === null ? '' : 'pulled',
  ]);
  const widths = rows[0]!.map((_, i) => largestOf(rows.map((row) => row[i]!.length)));
  await output.lines(
    rows.map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    ),
  );
}
