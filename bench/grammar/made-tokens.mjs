/**
 * A vocabulary about as a byte-level BPE of 128,256 tokens has it: all bytes, words with and without a space before them,
 * punctuation and runs of blanks, parts of characters. The last one is empty: it ends texts.
 */
export function madeTokens(count) {
  const tokens = new Set();
  for (let byte = 0; byte < 256; byte++) tokens.add(String.fromCharCode(byte));
  for (let length = 2; length <= 80; length++)
    for (const blank of [' ', '\t', '\n']) tokens.add(blank.repeat(length));
  const signs = [...'"\'{}[]():;,./\\<>=+-*_#!?'];
  for (const a of signs)
    for (const b of [...signs, ' ', '\n'])
      for (const c of ['', ' ', '\n', ...signs.slice(0, 9)]) tokens.add(a + b + c);
  for (let number = 0; number < 1000; number++) tokens.add(String(number));
  const random = generator(7);
  const syllables = [...'bcdfghklmnprstvwz'].flatMap((c) =>
    [...'aeiou'].flatMap((v) => [c + v, `${c + v}n`, v + c]),
  );
  while (tokens.size < count - 1) {
    let word = '';
    for (let n = 1 + Math.floor(random() ** 1.5 * 5); n > 0; n--)
      word += syllables[Math.floor(random() * syllables.length)];
    const kind = random();
    if (kind < 0.45) tokens.add(` ${word}`);
    else if (kind < 0.75) tokens.add(word);
    else if (kind < 0.85) tokens.add(word[0].toUpperCase() + word.slice(1));
    else if (kind < 0.9) tokens.add(signs[Math.floor(random() * signs.length)] + word);
    else tokens.add(foreign(random));
  }
  return [...tokens, ''].map((token) => Buffer.from(token, 'latin1'));
}

/** Letters of two and three bytes, now and then cut off. */
function foreign(random) {
  const first = [0x430, 0x5d0, 0x3b1, 0x4e00, 0xac00, 0x3042][Math.floor(random() * 6)];
  const letters = Array.from(
    { length: 1 + Math.floor(random() * 4) },
    () => first + Math.floor(random() * 25),
  );
  const bytes = Buffer.from(String.fromCodePoint(...letters)).toString('latin1');
  return random() < 0.1 ? bytes.slice(0, -1) : bytes;
}

function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
