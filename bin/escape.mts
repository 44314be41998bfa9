/**
 * What a terminal must not get from a file, a prompt or a server: control characters (C0, DEL, C1), line and paragraph separators,
 * lone surrogates, changes of direction, and code points that are not seen at all. Joiners and variation selectors stay: emoji and
 * several scripts are written with them.
 */
const dangerous =
  /(?!\u200c|\u200d|[\ufe00-\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * One line on which everything that could drive or deceive a terminal is visible, as JSON spells it: `\u001b`. Text that this has
 * been done to stays as it is, and JSON stays the same JSON.
 */
export function escaped(text: string): string {
  return text.replaceAll(dangerous, (character) => named[character] ?? units(character));
}

/** The same for a text of several lines: newlines and tabs stay. */
export function escapedLines(text: string): string {
  return text.replaceAll(dangerous, (character) =>
    character === '\n' || character === '\t' ? character : (named[character] ?? units(character)),
  );
}

/** UTF-16 code units as `\uXXXX`. */
function units(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
