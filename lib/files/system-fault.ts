/**
 * What the system said, without the call and the path at its end, which the sentence around it names:
 * "ENOENT: no such file or directory, open 'a'" is "ENOENT: no such file or directory".
 */
export function systemFault({ message }: Error): string {
  return message.replace(/, [a-z]+(?: '.*)?$/s, '');
}
