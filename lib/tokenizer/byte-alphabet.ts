/*
 * Byte-level vocabularies write every byte as a printable character: the bytes 33–126, 161–172 and
 * 174–255 as the character of the same number, the other 68 in order as U+0100, U+0101, … (so a
 * space is U+0120 "Ġ"). In UTF-8 each of these characters has one or two bytes.
 */

/** The character of each byte, as UTF-8. */
export const byteCharacters: readonly Uint8Array[] = byteCodePoints().map((codePoint) =>
  Buffer.from(String.fromCodePoint(codePoint)),
);

/** [0x144] the byte of each character, -1 for characters outside of the alphabet. */
const characterBytes = new Int16Array(0x144).fill(-1);
for (const [byte, codePoint] of byteCodePoints().entries()) characterBytes[codePoint] = byte;

/**
 * The bytes that a token's text in this alphabet encodes. A character outside of the alphabet, which
 * only faulty vocabularies have, encodes itself.
 *
 * @param text the token's text as UTF-8
 */
export function spelledBytes(text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const first = text[i]!;
    const wide = (first & 0xe0) === 0xc0 && i + 1 < text.length;
    const codePoint = wide ? ((first & 0x1f) << 6) | (text[i + 1]! & 0x3f) : first;
    const byte = wide || first < 0x80 ? (characterBytes[codePoint] ?? -1) : -1;
    bytes[length++] = byte < 0 ? first : byte;
    if (byte >= 0 && wide) i++;
  }
  return bytes.subarray(0, length);
}

function byteCodePoints(): number[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return printable ? byte : next++;
  });
}
