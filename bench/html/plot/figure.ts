import { type Content, type Markup, markup } from '../markup.js';

/*
 * Plots are drawn here, as SVG in the colors of the page's style. Observable Plot and Vega-Lite were
 * tried on these figures: 16 and 25 MB of packages for 200 lines fewer, and the first of them a second
 * and more to load; uPlot needs scripts, which the page forbids, and prints as a picture.
 */

/** Units across a plot. A telephone shows about as many pixels, so text stays readable there. */
export const plotWidth = 400;

export interface FigureText {
  readonly title: string;
  /** A sentence below the title: what is shown and how it was chosen. */
  readonly caption?: string;
}

/** A plot with its title above and its legend below. `description` says in words what the drawing shows. */
export function figure(
  { title, caption = '' }: FigureText,
  description: string,
  height: number,
  drawing: Content,
  below: Content = '',
): Markup {
  const sentence = caption === '' ? '' : markup`<p>${caption}</p>`;
  return markup`
<figure>
<figcaption><h3>${title}</h3>${sentence}</figcaption>
<svg class="plot" role="img" aria-label="${title}: ${description}" viewBox="0 0 ${plotWidth} ${height}">${drawing}
</svg>
${below}
</figure>`;
}
