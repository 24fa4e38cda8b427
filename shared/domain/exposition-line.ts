/** One number with its name and labels. */
export interface Sample {
  name: string;
  labels: ReadonlyMap<string, string>;
  /** NaN and the infinities are values too. */
  value: number;
}

// Each is tried at one place only and has no two neighbouring loops over the same characters: linear on any input.
const NAME = /[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)/y;
const LABEL_NAME = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)/y;
const QUOTED = /[ \t]*"([^"\\]*(?:\\.[^"\\]*)*)"/sy;
const OPEN = /[ \t]*(\{)/y;
const CLOSE = /[ \t]*(\})/y;
const EQUALS = /[ \t]*(=)/y;
const COMMA = /[ \t]*(,)/y;
const NUMBER = /[ \t]*([^ \t#{}",=]+)/y;
const EXEMPLAR = /[ \t]*(#)/y;
const END = /[ \t]*($)/y;

interface Cursor {
  readonly text: string;
  at: number;
}

/** The token at the cursor, which moves behind it; undefined, and no move, where something else stands. */
function take(cursor: Cursor, token: RegExp): string | undefined {
  token.lastIndex = cursor.at;
  const taken = token.exec(cursor.text)?.[1];
  if (taken !== undefined) cursor.at = token.lastIndex;
  return taken;
}

/** A comment (OpenMetrics' `# EOF` among them) or an empty line. */
export function isRemark(line: string): boolean {
  return /^[ \t]*(?:#|$)/.test(line);
}

/** The name that a TYPE line announces; in OpenMetrics a counter's without its `_total`. */
export function announcedFamily(line: string): string | undefined {
  const [, quoted, bare] = /^[ \t]*#[ \t]*TYPE[ \t]+(?:"([^"]*)"|([^ \t"]+))[ \t]/.exec(line) ?? [];
  return quoted ?? bare;
}

/** What the line begins with up to a character that no name holds. */
export function beginningOf(line: string): string {
  const cursor = { text: line, at: 0 };
  return take(cursor, NAME) ?? (take(cursor, OPEN) && take(cursor, QUOTED)) ?? "";
}

/** One line of the text format with whatever may follow its number; undefined when it is malformed. */
export function parseSample(line: string): Sample | undefined {
  const cursor = { text: line, at: 0 };
  const bare = take(cursor, NAME);
  const braces = take(cursor, OPEN) === undefined ? { labels: new Map<string, string>() } : takeLabels(cursor);
  if (braces === undefined || (bare !== undefined && braces.name !== undefined)) return undefined;
  const name = bare ?? braces.name ?? "";
  const value = takeNumbers(cursor);
  if (name === "" || value === undefined || !takeExemplar(cursor)) return undefined;
  return take(cursor, END) === undefined ? undefined : { name, labels: braces.labels, value };
}

interface Braces {
  labels: Map<string, string>;
  /** A metric's name that is not an identifier stands here, in quotes, before the labels. */
  name?: string;
}

/** What stands between the braces; the cursor is behind the opening one, and moves behind the closing one. */
function takeLabels(cursor: Cursor): Braces | undefined {
  const name = takeQuotedName(cursor);
  const braces: Braces = { labels: new Map<string, string>(), ...(name === undefined ? {} : { name }) };
  let more = name === undefined || take(cursor, COMMA) !== undefined;
  while (take(cursor, CLOSE) === undefined) {
    if (!more || !takeLabel(cursor, braces.labels)) return undefined;
    more = take(cursor, COMMA) !== undefined;
  }
  return braces;
}

function takeQuotedName(cursor: Cursor): string | undefined {
  const ahead = { ...cursor };
  const quoted = take(ahead, QUOTED);
  if (quoted === undefined || take({ ...ahead }, EQUALS) !== undefined) return undefined;
  cursor.at = ahead.at;
  return unescaped(quoted);
}

/** False when no label stands here, or one that was there before. */
function takeLabel(cursor: Cursor, labels: Map<string, string>): boolean {
  const name = take(cursor, LABEL_NAME) ?? take(cursor, QUOTED);
  const value = take(cursor, EQUALS) === undefined ? undefined : take(cursor, QUOTED);
  if (name === undefined || value === undefined || labels.has(unescaped(name))) return false;
  labels.set(unescaped(name), unescaped(value));
  return true;
}

/** A value and the timestamp that may follow it. */
function takeNumbers(cursor: Cursor): number | undefined {
  const value = parseNumber(take(cursor, NUMBER) ?? "");
  const timestamp = take(cursor, NUMBER);
  return timestamp === undefined || parseNumber(timestamp) !== undefined ? value : undefined;
}

/** An example of what was counted, with labels and numbers of its own; false when it is malformed. */
function takeExemplar(cursor: Cursor): boolean {
  if (take(cursor, EXEMPLAR) === undefined) return true;
  return take(cursor, OPEN) !== undefined && takeLabels(cursor) !== undefined && takeNumbers(cursor) !== undefined;
}

/** Other escapes than these three stand for themselves. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

/** A number as Prometheus reads it: decimal, NaN or infinite; undefined for anything else, and for what overflows. */
export function parseNumber(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const [, sign, word] = /^([+-]?)(inf|infinity|nan)$/i.exec(text) ?? [];
  if (word === undefined) return undefined;
  if (word.toLowerCase() === "nan") return sign === "" ? Number.NaN : undefined;
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
