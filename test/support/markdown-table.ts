/** A table as Markdown writes it, readable in a terminal, too. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((name, i) => {
    return Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length));
  });
  const line = (cells: readonly string[]) => {
    return `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  };
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
