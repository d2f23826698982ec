/** What all plots share: the sheet, its colours by day and by night, and text that cannot break out. */

export const WIDTH = 640;

/** As text of an SVG document; what XML has no place for becomes a replacement character. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** At most so many characters. */
export function shorten(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** About how wide a text is, in pixels: letters of East Asia are as wide as they are high. */
export const widthOf = (text: string): number =>
  [...text].reduce((sum, letter) => sum + ((letter.codePointAt(0) as number) < 0x1100 ? 6.6 : 12), 0);

/** A pixel, with as many digits as can be seen. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);

/** Colours that the colour-blind tell apart (Okabe and Ito), each bright enough for its ground. */
const STYLE = `
.vitrail-plot { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d8dee4; --c0: #0072b2; --c1: #d55e00; --c2: #007a59; --c3: #a8578a; }
@media (prefers-color-scheme: dark) {
.vitrail-plot { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #30363d; --c0: #56b4e9; --c1: #e69f00; --c2: #2bc79a; --c3: #dd92bb; }
}
.vitrail-plot text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--faint); }
.vitrail-plot .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
.vitrail-plot .ink { fill: var(--ink); }
.vitrail-plot .grid { stroke: var(--line); stroke-width: 1; fill: none; }
.vitrail-plot .curve { stroke-width: 2; fill: none; stroke-linejoin: round; stroke-linecap: round; }
.vitrail-plot .end { text-anchor: end; }
.vitrail-plot .middle { text-anchor: middle; }
`;

/** How many colours there are. */
export const COLOURS = 4;
export const colour = (index: number): string => `var(--c${index % COLOURS})`;

/** A whole document. `body` is SVG; the title is text. */
export function sheet(title: string, width: number, height: number, body: readonly string[]): string {
  const name = escapeXml(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="vitrail-plot" width="${px(width)}" height="${px(height)}" viewBox="0 0 ${px(width)} ${px(height)}" role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<style>${STYLE}</style>`,
    `<rect width="100%" height="100%" style="fill: var(--ground)"/>`,
    `<text class="title" x="16" y="26">${name}</text>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

/** A text at a point. */
export const label = (x: number, y: number, text: string, kind = "", more = ""): string =>
  `<text${kind ? ` class="${kind}"` : ""} x="${px(x)}" y="${px(y)}"${more}>${escapeXml(text)}</text>`;
