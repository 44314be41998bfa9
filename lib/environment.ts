import { homedir, userInfo } from 'node:os';

/** A variable of the environment; one that is empty counts as unset. */
export function variable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** The user's home folder; undefined where there is none, as for a user id without an account. */
export function homeFolder(): string | undefined {
  try {
    if (process.platform === 'win32') return homedir() || undefined;
    return variable('HOME') ?? (userInfo().homedir || undefined);
  } catch {
    return undefined;
  }
}
