import { type Content, markup } from './markup.js';
import { style } from './style.js';

/** A whole page that needs nothing else: its policy forbids it to load or run anything. */
export function htmlDocument(title: string, body: Content): string {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>${title}</title>
<style>${style}</style>
</head>
<body>${body}
</body>
</html>
`.text;
}
