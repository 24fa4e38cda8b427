import { invalid } from "./errors.ts";

/** One condition of a filter string: `name = 'x'`, `tags.team LIKE 'g%'`. */
export interface Condition {
  kind: "attribute" | "tag";
  key: string;
  comparator: string;
  /** One entry, except for IN. */
  values: readonly string[];
}

/** What a kind of thing can be searched and ordered by. */
export interface Searchable<T> {
  /** Attributes with the comparators each allows. */
  attributes: Readonly<Record<string, { comparators: readonly string[]; read: (item: T) => string | number }>>;
  tags: (item: T) => ReadonlyMap<string, string>;
}

const CLAUSE =
  /\s*(?:(?<kind>tags?|attributes?)\.)?(?<key>`[^`]+`|"[^"]+"|[\w.-]+)\s*(?<comparator>!=|>=|<=|[=<>~]|I?LIKE\b|IN\b)\s*(?<value>'[^']*'|"[^"]*"|\([^)]*\)|[^\s]+)\s*(?:AND\b|$)/iy;

const STRING_COMPARATORS = ["=", "!=", "LIKE", "ILIKE"];

/** Reads MLflow's filter language: conditions joined by AND; throws what MLflow answers to anything else. */
export function parseFilter(filter: string): Condition[] {
  const conditions: Condition[] = [];
  for (let at = 0; at < filter.trimEnd().length; ) {
    CLAUSE.lastIndex = at;
    const groups = CLAUSE.exec(filter)?.groups;
    if (groups === undefined) throw invalid(`Invalid clause(s) in filter string: ${filter.slice(at).trim()}`);
    conditions.push(toCondition(groups));
    at = CLAUSE.lastIndex;
  }
  return conditions;
}

/** Keeps what meets every condition. */
export function applyFilter<T>(items: readonly T[], filter: string, searchable: Searchable<T>): T[] {
  const tests = parseFilter(filter).map((condition) => toTest(condition, searchable));
  return items.filter((item) => tests.every((test) => test(item)));
}

/** Sorts by the clauses given (`name DESC`), then by `fallback`. */
export function applyOrder<T>(
  items: readonly T[],
  clauses: readonly string[],
  keys: Readonly<Record<string, (item: T) => string | number>>,
  fallback: readonly string[],
): T[] {
  const orders = [...clauses, ...fallback].map((clause) => toComparison(clause, keys));
  return items.toSorted((a, b) => orders.reduce((found, order) => found || order(a, b), 0));
}

/** One page of at most `size` items, and the token of the next if there is one. */
export function page<T>(items: readonly T[], size: number, token: string | undefined): { items: T[]; next?: string } {
  const offset = token === undefined || token === "" ? 0 : readToken(token);
  const end = offset + Math.max(size, 0);
  const next = Buffer.from(`{"offset": ${end}}`).toString("base64");
  return { items: items.slice(offset, end), ...(items.length > end ? { next } : {}) };
}

function readToken(token: string): number {
  const match = /^\{"offset": (\d{1,15})\}$/.exec(Buffer.from(token, "base64").toString());
  if (match === null) throw invalid("Invalid page token, could not base64-decode");
  return Number(match[1]);
}

function toCondition(groups: Record<string, string | undefined>): Condition {
  const value = groups["value"] ?? "";
  const listed = /^\((.*)\)$/s.exec(value)?.[1];
  return {
    kind: groups["kind"]?.toLowerCase().startsWith("tag") === true ? "tag" : "attribute",
    key: unquote(groups["key"] ?? ""),
    comparator: (groups["comparator"] ?? "").toUpperCase(),
    values: listed === undefined ? [readValue(value)] : listed.split(",").map((part) => readValue(part.trim())),
  };
}

function readValue(text: string): string {
  if (/^(?:'.*'|".*")$/s.test(text)) return unquote(text);
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return text;
  throw invalid(
    `Parameter value is either not quoted or unidentified quote types used for string value ${text}. Use either single or double quotes.`,
  );
}

function unquote(text: string): string {
  return /^['"`].*['"`]$/s.test(text) ? text.slice(1, -1) : text;
}

function toTest<T>(condition: Condition, searchable: Searchable<T>): (item: T) => boolean {
  if (condition.kind === "tag") {
    if (!STRING_COMPARATORS.includes(condition.comparator)) {
      throw invalid(`Invalid comparator for tag: ${condition.comparator}`);
    }
    return (item) => {
      const value = searchable.tags(item).get(condition.key);
      return value !== undefined && matches(value, condition);
    };
  }
  const attribute = Object.hasOwn(searchable.attributes, condition.key)
    ? searchable.attributes[condition.key]
    : undefined;
  if (attribute === undefined) {
    const keys = Object.keys(searchable.attributes).map((key) => `'${key}'`);
    throw invalid(`Invalid attribute key '${condition.key}' specified. Valid keys are '{${keys.join(", ")}}'`);
  }
  if (!attribute.comparators.includes(condition.comparator)) {
    throw invalid(`Invalid comparator for attribute: ${condition.comparator}`);
  }
  return (item) => matches(attribute.read(item), condition);
}

function matches(actual: string | number, { comparator, values }: Condition): boolean {
  const [first = ""] = values;
  const wanted = typeof actual === "number" ? Number(first) : first;
  const tests: Record<string, () => boolean> = {
    "=": () => actual === wanted,
    "!=": () => actual !== wanted,
    ">": () => actual > wanted,
    ">=": () => actual >= wanted,
    "<": () => actual < wanted,
    "<=": () => actual <= wanted,
    IN: () => values.includes(String(actual)),
    LIKE: () => likePattern(first, "su").test(String(actual)),
    ILIKE: () => likePattern(first, "sui").test(String(actual)),
  };
  return tests[comparator]?.() ?? false;
}

function likePattern(pattern: string, flags: string): RegExp {
  const escaped = pattern.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("%", ".*").replaceAll("_", ".")}$`, flags);
}

function toComparison<T>(
  clause: string,
  keys: Readonly<Record<string, (item: T) => string | number>>,
): (a: T, b: T) => number {
  const match = /^\s*(\S+)(?:\s+(ASC|DESC))?\s*$/i.exec(clause);
  if (match === null) throw invalid(`Invalid ordering key in order_by clause '${clause}'.`);
  const [, key = "", direction = "ASC"] = match;
  const read = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (read === undefined) {
    const valid = Object.keys(keys).map((name) => `'${name}'`);
    throw invalid(`Invalid order by key '${key}' specified. Valid keys are '{${valid.join(", ")}}'`);
  }
  const sign = direction.toUpperCase() === "DESC" ? -1 : 1;
  return (a, b) => sign * compare(read(a), read(b));
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
