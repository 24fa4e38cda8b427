/** The way to a member; a step `name=model` takes the item of a list whose `name` is that. */
export type Path = readonly string[];

type Members = Readonly<Record<string, unknown>>;

/**
 * A frozen copy of JSON that shares with `before` every part that is equal: an equal value comes back as `before`
 * itself, so that one comparison of references tells a change.
 */
export function adopt<T>(value: T, before: unknown): T {
  return share(value, before) as T;
}

function share(value: unknown, before: unknown): unknown {
  if (value === before || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return shareList(value, Array.isArray(before) ? before : undefined);
  return shareMembers(value as Members, isMembers(before) ? before : undefined);
}

function shareList(list: readonly unknown[], before: readonly unknown[] | undefined): readonly unknown[] {
  let same = before?.length === list.length;
  const copy: unknown[] = [];
  for (let index = 0; index < list.length; index++) {
    const item = share(list[index], before?.[index]);
    if (item !== before?.[index]) same = false;
    copy.push(item);
  }
  return same && before !== undefined ? before : Object.freeze(copy);
}

function shareMembers(members: Members, before: Members | undefined): Members {
  const copy: Record<string, unknown> = {};
  let same = true;
  let count = 0;
  for (const key of Object.keys(members)) {
    if (members[key] === undefined) continue;
    const member = share(members[key], before?.[key]);
    if (member !== before?.[key]) same = false;
    copy[key] = member;
    count += 1;
  }
  return same && before !== undefined && Object.keys(before).length === count ? before : Object.freeze(copy);
}

/** Whether two JSON values are equal; the order of members does not matter. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  return isMembers(a) && isMembers(b) && haveEqualMembers(a, b);
}

function haveEqualMembers(a: Members, b: Members): boolean {
  for (const key in a) if (!isEqual(a[key], b[key])) return false;
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}

/** What stands there; undefined where nothing does. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (Array.isArray(value)) value = value.find((item) => isNamed(item, step));
    else value = isMembers(value) ? value[step] : undefined;
  }
  return value;
}

/** The same JSON with another value there, undefined: without it. Nothing happens where a list has no such item. */
export function withValue<T>(root: T, path: Path, value: unknown): T {
  return replaced(root, path, value) as T;
}

function replaced(root: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(root)) return root.map((item) => (isNamed(item, step) ? replaced(item, rest, value) : item));
  const members = isMembers(root) ? root : {};
  return { ...members, [step]: replaced(members[step], rest, value) };
}

function isNamed(item: unknown, step: string): boolean {
  return isMembers(item) && `name=${item["name"]}` === step;
}

function isMembers(value: unknown): value is Members {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
