/** Size of text inside a plot, in its own units; style.ts says the same. */
export const fontSize = 13;

/** Width that a text needs at most in an ordinary sans-serif face; a plot cannot measure. */
export function textWidth(text: string): number {
  return [...text].length * fontSize * 0.6;
}

/** As much of a text as fits into a width. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return `${[...text].slice(0, Math.max(0, Math.floor(width / (fontSize * 0.6)) - 1)).join('')}…`;
}
