/** The save that decided a change to the cluster; stands as an annotation on every fixed-name object of a release. */
export interface Token {
  generation: number;
  sequence: number;
}

/** `generation.sequence`, as it stands in the annotation. */
export function formatToken(token: Token): string {
  return `${token.generation}.${token.sequence}`;
}

/** Undefined when the text is not a token. */
export function parseToken(text: string): Token | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  return { generation: Number(match[1]), sequence: Number(match[2]) };
}

/** Positive when `a` was decided after `b`. */
export function compareTokens(a: Token, b: Token): number {
  return a.generation - b.generation || a.sequence - b.sequence;
}
