import { type Markup, markup } from './markup.js';

/** A chapter of the page: its plots, and sentences about those that the report has no numbers for. */
export interface Part {
  readonly heading: string;
  readonly figures: readonly Markup[];
  readonly missing: readonly string[];
}

export function partSection({ heading, figures, missing }: Part): Markup {
  const plots = figures.length > 0 ? markup`<div class="plots">${figures}</div>` : '';
  return markup`
<section>
<h2>${heading}</h2>
${plots}${missing.map((sentence) => markup`<p class="missing">${sentence}</p>`)}
</section>`;
}

/** Things grouped by a key, in the order of first appearance. */
export function groupedBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}
