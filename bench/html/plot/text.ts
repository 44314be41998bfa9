/** Size of text inside a plot, in its own units. */
export const fontSize = 13;

/** Of a letter, on average in a wide sans-serif face. */
const letterWidth = 0.56 * fontSize;

/** Width that a text needs, about; a plot cannot measure. */
export function textWidth(text: string): number {
  return [...text].length * letterWidth;
}

/** As much of a text as fits into a width. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const room = Math.max(0, Math.floor(width / letterWidth) - 1);
  return `${[...text].slice(0, room).join('')}…`;
}
