/**
 * What the system said, without the call and the path at its end, which the sentence around it names:
 * "ENOENT: no such file or directory, open 'a'" is "ENOENT: no such file or directory".
 */
export function systemFault({ message }: Error): string {
  return message.replace(/, [a-z]+(?: '.*)?$/s, '');
}

/** Why a text file cannot be read, as what follows "but". */
export function unreadableBecause(cause: NodeJS.ErrnoException): string {
  const { code } = cause;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is none; check the path';
  if (code === 'EISDIR') return 'it is a folder; give a file in it';
  return `the system answered "${systemFault(cause)}"`;
}
