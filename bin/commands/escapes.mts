const letters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** A text with the escapes that llama.cpp knows resolved: `\n`, `\r`, `\t`, `\'`, `\"`, `\\` and bytes as `\xHH`; others stay as they are. */
export function resolveEscapes(text: string): string {
  const parts = text.split(/(\\(?:[nrt'"\\]|x[\da-fA-F]{2}))/);
  const bytes = parts.map((part, i) => {
    if (i % 2 === 0) return Buffer.from(part);
    const letter = part[1]!;
    return letter === 'x'
      ? Buffer.from(part.slice(2), 'hex')
      : Buffer.from(letters[letter] ?? letter);
  });
  return Buffer.concat(bytes).toString();
}
