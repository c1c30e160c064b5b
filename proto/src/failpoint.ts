/** Told of every failpoint that is reached, and about what: an RM's name, say, and a kind. */
export type OnFailpoint = (name: string, about: string, kind: string) => void;

/** Under this symbol a module that is loaded before all others may have left its hook. */
const key = Symbol.for('@unanimous/failpoint');

const hook = (globalThis as { readonly [key]?: OnFailpoint })[key];

/**
 * Names a moment at which a process may be killed, and does nothing else: what a test wants to
 * happen there is the business of a hook that no package ships. Read once, when this module loads.
 */
export function failpoint(name: string, about = '', kind = ''): void {
  hook?.(name, about, kind);
}
