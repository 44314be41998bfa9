import { Markup } from './markup.js';
import { fontSize } from './plot/text.js';

const light = `
--back: #ffffff; --text: #1b1b1b; --soft: #5a5a5a; --grid: #dedede; --bar: #0069a8; --limit: #b3261e;
--s0: #0069a8; --s1: #b84a00; --s2: #00795a; --s3: #a3387f; --s4: #6b5b00; --s5: #4b4b9c;`;

const dark = `
--back: #14161a; --text: #ececec; --soft: #b0b0b0; --grid: #3a3d42; --bar: #5cb8ee; --limit: #ff8a7a;
--s0: #5cb8ee; --s1: #ff9d57; --s2: #4fd3a8; --s3: #ef8fce; --s4: #dcc74a; --s5: #a9a9ff;`;

/** Dark where the reader's system is, never on paper. Six colors, as marks.ts counts on. */
export const style = new Markup(`
:root { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
@media print { :root { color-scheme: light; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2rem 0 .75rem; font-size: 1.2rem; border-bottom: 1px solid var(--grid); }
h3 { margin: 0; font-size: 1rem; }
* + h3 { margin-top: 1.25rem; }
p { margin: .25rem 0; }
figcaption p, .missing, dt, header p { color: var(--soft); }
figcaption p { font-size: .85rem; }
.plots { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; max-width: 28rem; break-inside: avoid; }
svg.plot { display: block; width: 100%; margin-top: .5rem; font-size: ${fontSize}px; fill: var(--text); overflow: visible; }
.grid { stroke: var(--grid); stroke-width: 1; fill: none; }
.axis { stroke: var(--soft); stroke-width: 1; fill: none; }
.label { fill: var(--soft); }
.value { font-variant-numeric: tabular-nums; }
.line { fill: none; stroke: var(--series); stroke-width: 2; }
.spread { stroke: var(--series); stroke-width: 1.5; fill: none; }
.mark { fill: var(--series); stroke: var(--back); stroke-width: 1; }
.hollow { fill: var(--back); stroke: var(--series, var(--text)); stroke-width: 2; }
.bar { fill: var(--bar); }
.limit { stroke: var(--limit); stroke-width: 3; fill: none; }
${[0, 1, 2, 3, 4, 5].map((i) => `.s${i} { --series: var(--s${i}); }`).join(' ')}
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .5rem 0 0; padding: 0; list-style: none; font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.key { flex: none; width: 36px; height: 14px; }
.plots + .missing { margin-top: 1rem; }
/* Wide tables leave the column of text. The shades at the edges are covered by what scrolls until there is more to see. */
.wide { --width: min(100vw - 2rem, 96rem); width: max-content; min-width: 100%; max-width: var(--width);
  position: relative; left: 50%; transform: translateX(-50%); }
.hint { display: none; color: var(--soft); font-size: .85rem; }
@media (max-width: 90rem) { .hint { display: block; } }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, var(--back) 30%, transparent) left / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--back) 30%, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to right, var(--soft), transparent) left / .75rem 100% no-repeat,
  linear-gradient(to left, var(--soft), transparent) right / .75rem 100% no-repeat; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
td { white-space: nowrap; }
th { vertical-align: bottom; }
th, td { padding: .25rem .5rem; text-align: left; border-bottom: 1px solid var(--grid); }
.number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dd { margin: 0; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .plots { grid-template-columns: 1fr 1fr; gap: 1rem; }
  .wide { position: static; transform: none; width: auto; max-width: none; }
  .hint { display: none; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 6.5pt; }
  td { white-space: normal; }
  th, td { padding: .1rem .25rem; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  .bar, .mark { print-color-adjust: exact; }
}
`);
