/** A drawing on white with a heading, as a file's text. */
export function svgPage(
  width: number,
  height: number,
  title: string,
  shapes: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="#1f2328">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="8" y="20" font-size="14">${escapeXml(title)}</text>`,
    ...shapes,
    '</svg>',
    '',
  ].join('\n');
}

/** Text as it may stand between tags. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
