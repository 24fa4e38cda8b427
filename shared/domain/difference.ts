import { canonicalJson } from "./digest.ts";
import { ANNOTATIONS, type KubernetesObject } from "./release.ts";

/** One field that is not the same before and after. */
export interface FieldChange {
  /** As people write it: `spec.template.spec.containers[model].image`. */
  path: string;
  /** As JSON, cut where it is long; undefined: it is not there, or not shown. */
  from?: string;
  to?: string;
  /** The values are kept back: somebody may have put a secret there. */
  hidden?: true;
}

/** What one object is, beside what it would be. */
export interface ObjectChange {
  /** `Deployment churn` */
  object: string;
  change: "create" | "change" | "none" | "remove";
  fields: readonly FieldChange[];
  /** Fields that differ beyond those that are listed. */
  more: number;
}

/** Fields listed for one object, and characters kept of one value. */
const MAX_FIELDS = 100;
const MAX_VALUE = 200;
/** No object is nested deeper; what is may be nested without end. */
const DEEPEST = 64;

/** Where people put secrets, although they should not. */
const HIDING = /(?:^|\.)(?:env|envFrom|data|binaryData|stringData|args|command|annotations)(?:[.[]|$)/;

/** What the API server keeps for itself, and what Belay writes with every change. */
const OWN = new Set(["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"]);
const STAMPS: ReadonlySet<string> = new Set([ANNOTATIONS.token, ANNOTATIONS.release]);

/** Field by field from what is there to what would be; an object that is not there is created as a whole. Pure. */
export function compareObjects(before: KubernetesObject | undefined, after: KubernetesObject): ObjectChange {
  const object = `${after.kind} ${after.metadata.name}`;
  if (before === undefined) return { object, change: "create", fields: [], more: 0 };
  const found = compare("", withoutOwn(before), withoutOwn(after), DEEPEST);
  const fields = found.slice(0, MAX_FIELDS);
  return { object, change: found.length === 0 ? "none" : "change", fields, more: found.length - fields.length };
}

/** An object that would be removed. */
export function removed({ kind, metadata }: Pick<KubernetesObject, "kind" | "metadata">): ObjectChange {
  return { object: `${kind} ${metadata.name}`, change: "remove", fields: [], more: 0 };
}

function withoutOwn({ metadata, ...object }: KubernetesObject): Record<string, unknown> {
  const { status: _status, ...rest } = object;
  const kept = Object.entries(metadata).filter(([member]) => !OWN.has(member));
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !STAMPS.has(name));
  return { ...rest, metadata: { ...Object.fromEntries(kept), annotations: Object.fromEntries(annotations) } };
}

function compare(path: string, before: unknown, after: unknown, levels: number): readonly FieldChange[] {
  if (canonicalJson([before]) === canonicalJson([after])) return [];
  const members = levels === 0 ? undefined : membersOf(before, after);
  if (members === undefined) {
    if (HIDING.test(path) || holdsHidden(before) || holdsHidden(after)) return [{ path, hidden: true }];
    return [{ path, ...shown("from", before), ...shown("to", after) }];
  }
  return members.flatMap(({ key, from, to }) => compare(joined(path, key), from, to, levels - 1));
}

interface Member {
  key: string;
  from: unknown;
  to: unknown;
}

/** The members of two objects, or of two lists whose items have names; undefined: they are compared as a whole. */
function membersOf(before: unknown, after: unknown): readonly Member[] | undefined {
  if (isRecord(before) && isRecord(after)) return pairs(before, after, (key) => `.${key}`);
  const first = itemsByName(before);
  const second = itemsByName(after);
  return first === undefined || second === undefined ? undefined : pairs(first, second, (key) => `[${key}]`);
}

function pairs(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  write: (key: string) => string,
): readonly Member[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.map((key) => ({ key: write(key), from: before[key], to: after[key] }));
}

/** Kubernetes merges lists of things with names by these; the order says nothing. */
function itemsByName(list: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!Array.isArray(list)) return undefined;
  const names = list.map((item) => (isRecord(item) && typeof item["name"] === "string" ? item["name"] : undefined));
  if (names.includes(undefined) || new Set(names).size < names.length) return undefined;
  return Object.fromEntries(list.map((item, index) => [String(names[index]), item]));
}

function joined(path: string, key: string): string {
  return path === "" && key.startsWith(".") ? key.slice(1) : `${path}${key}`;
}

/** A value that holds such a member anywhere is not shown either. */
function holdsHidden(value: unknown): boolean {
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).some(([key, member]) => HIDING.test(key) || holdsHidden(member));
}

function shown<K extends "from" | "to">(side: K, value: unknown): Partial<Record<K, string>> {
  if (value === undefined) return {};
  const text = canonicalJson(value);
  const short = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
  return { [side]: short } as Partial<Record<K, string>>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** One sentence a difference, for people: what is live and what was recorded. */
export function describeChange({ object, change, fields, more }: ObjectChange): readonly string[] {
  switch (change) {
    case "create":
      return [`${object} is not there.`];
    case "remove":
      return [`${object} is there, and was not recorded.`];
    case "none":
      return [];
    case "change":
      return [
        ...fields.map((field) => `${object}: ${describeField(field)}`),
        ...(more === 0 ? [] : [`${object}: ${more} more fields differ.`]),
      ];
  }
}

function describeField({ path, from, to, hidden }: FieldChange): string {
  if (hidden === true) return `${path} is not what was recorded (its values are not shown).`;
  return `${path} is ${from ?? "not there"}, ${to ?? "nothing"} was recorded.`;
}
