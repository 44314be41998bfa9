import { open } from 'node:fs/promises';

/** Makes a new name survive a power failure, where folders can be synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
