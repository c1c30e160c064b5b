import Table from 'cli-table3';

/** No lines, two blanks between columns: what one reads and what `awk` reads. */
const plainChars = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Rows under a head, in columns of plain ASCII. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const style = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };
  const made = new Table({ head: [...head], chars: plainChars, style });
  for (const row of rows) made.push([...row]);
  const lines = made.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}
