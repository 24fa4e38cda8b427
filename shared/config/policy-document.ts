import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { ConfigurationProblem } from "./configuration-error.ts";

export type DocumentPath = readonly (string | number)[];

/** A YAML file that knows where its entries stand. */
export interface PolicyDocument {
  /** As plain data; undefined when the text is no YAML. */
  value: unknown;
  problems: readonly ConfigurationProblem[];
  /** `file:line:column path` of an entry, or of the nearest one around it that is there. */
  where(path: DocumentPath): string;
}

/** Longest file that is read, in characters. */
const MAX_LENGTH = 262_144;

/** Reads one YAML document; never throws. */
export function readDocument(file: string, text: string): PolicyDocument {
  if (text.length > MAX_LENGTH)
    return unreadable(file, `${text.length} characters`, `at most ${MAX_LENGTH} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({ at: pos[0], message }));
  const problems = [...faults, ...aliasesOf(document)].map((fault) => ({
    where: at(fault.at),
    found: `text that is not understood: ${fault.message}`,
    allowed: "one YAML 1.2 document without aliases",
    remedy: "Correct the file at this place.",
  }));
  if (problems.length > 0) return { value: undefined, problems, where: () => file };
  return {
    value: document.toJS(),
    problems,
    where: (path) => `${at(offsetOf(document.contents, path))}${path.length === 0 ? "" : ` ${path.join(".")}`}`,
  };
}

/** Aliases can make a small file endless; `defaults` says what they would be for. */
function aliasesOf(document: Document): readonly { at: number; message: string }[] {
  const found: { at: number; message: string }[] = [];
  visit(document, {
    Alias: (_key, { source, range }) => {
      found.push({ at: range?.[0] ?? 0, message: `the alias *${source}` });
    },
  });
  return found;
}

/** A file that cannot be read as YAML at all. */
export function unreadable(file: string, found: string, allowed: string): PolicyDocument {
  const problem = { where: file, found, allowed, remedy: "Set DELIVERY_POLICY to the path of the delivery policy." };
  return { value: undefined, problems: [problem], where: () => file };
}

/** The deepest entry on the path that is there; a mapping's entry stands where its key does. */
function offsetOf(root: Node | null, path: DocumentPath): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    const next = enter(node, step);
    if (next === undefined) break;
    node = next.value;
    offset = next.offset ?? offset;
  }
  return offset;
}

function enter(node: unknown, step: string | number): { value: unknown; offset: number | undefined } | undefined {
  if (isSeq<Node>(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { value: item, offset: item.range?.[0] };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  return isScalar(pair?.key) ? { value: pair.value, offset: pair.key.range?.[0] } : undefined;
}

/** What stands at a path of plain data; undefined where nothing does. */
export function valueAt(value: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>((inner, step) => {
    const isOpen = typeof inner === "object" && inner !== null && Object.hasOwn(inner, step);
    return isOpen ? Object.entries(inner).find(([key]) => key === String(step))?.[1] : undefined;
  }, value);
}
