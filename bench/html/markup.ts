/** Text that is HTML already. Only `markup` makes it, so whatever else is put into a page is escaped. */
export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | readonly Content[];

/** HTML from a template: values become text or attribute values, however they look; `Markup` and lists of it stay what they are. */
export function markup(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const text = parts.map((part, i) => part + (i < values.length ? html(values[i]!) : ''));
  return new Markup(text.join(''));
}

function html(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (typeof content === 'string' || typeof content === 'number') return escapedText(`${content}`);
  return content.map(html).join('');
}

const entities: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
};

/** As text or as a quoted attribute; what neither can hold, or what would reorder the text around it, becomes U+FFFD. */
function escapedText(text: string): string {
  return text
    .replaceAll(/(?![\n\t])[\p{Cc}\p{Cs}\p{Bidi_Control}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
