import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command says what it has to say. */
export interface Terminal {
  /** What was asked for. */
  readonly out: (text: string) => void;
  /** What went wrong. */
  readonly err: (text: string) => void;
  /** Colours text where colours are wanted. */
  readonly paint: (style: Style, text: string) => string;
}

/** The terminal, or whatever stands in its place, of this process. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  paint: (style, text) => {
    return wantsColours(process.env, process.stdout.isTTY) ? coloured(style, text) : text;
  },
};

/** Colours text, whatever Node thinks of the environment. */
export function coloured(style: Style, text: string): string {
  return styleText(style, text, { validateStream: false });
}

/** Colours are for people who look at a terminal and have not declined. */
export function wantsColours(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}
