/** An element of a page, with the text directly in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

const token =
  /<!DOCTYPE html>|<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;

/** The elements of a page in their order; throws unless it is well-formed XML, a strict part of HTML. */
export function elementsOf(page: string): Element[] {
  const found: Element[] = [];
  const open: Element[] = [];
  let end = 0;
  while (end < page.length) {
    token.lastIndex = end;
    const match = token.exec(page);
    if (!match) throw new Error(`no XML at ${JSON.stringify(page.slice(end, end + 60))}`);
    end = token.lastIndex;
    const [, closing, name, attributes, empty, text] = match;
    if (text !== undefined) {
      const inside = open.at(-1);
      if (inside) inside.text += decoded(text);
      else if (text.trim() !== '') throw new Error(`text outside of everything: ${text}`);
    } else if (closing) {
      const last = open.pop();
      if (last?.name !== name) throw new Error(`</${name}> ends <${last?.name}>`);
    } else if (name) {
      const element = { name, attributes: attributesOf(attributes!), text: '' };
      found.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)!.name}> does not end`);
  return found;
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z-]+)="([^"]*)"/g)].map(
    ([, name, value]) => [name!, decoded(value!)] as const,
  );
  const attributes = Object.fromEntries(pairs);
  if (Object.keys(attributes).length < pairs.length) throw new Error(`an attribute twice:${text}`);
  return attributes;
}

const entities: Readonly<Record<string, string>> = {
  ...{ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" },
};

function decoded(text: string): string {
  if (/(?![\n\t])\p{Cc}/u.test(text)) throw new Error('a control character');
  return text.replaceAll(/&([^;\s]*;)?/g, (entity) => {
    const character = entities[entity];
    if (character === undefined) throw new Error(`unknown entity: ${entity}`);
    return character;
  });
}
