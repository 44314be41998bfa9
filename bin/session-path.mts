/** Whether there is a session to go on with at `--session`. @throws when one could not be saved there */
export async function checkSession(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false;
  const { writableTarget } = await import('../lib/files/target.js');
  const { sessionFile } = await import('../lib/model/session/session-file.js');
  const target = await writableTarget(path, { kind: sessionFile, remedy: 'remove the file' });
  return (target.there?.size ?? 0) > 0;
}
