import { ForeignChangeError } from "../../../shared/domain/errors.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import { adopt, isEqual, type Path, valueAt, withValue } from "./frozen-json.ts";
import type { Store, StoredObject } from "./store.ts";

/**
 * What would be live if Belay applied this: a field that another manager owns stays theirs where Belay says nothing
 * of it or the same; what Belay no longer says goes.
 * @throws ForeignChangeError where Belay says something else of such a field
 */
export function merged(stored: StoredObject, config: KubernetesObject): KubernetesObject {
  if (stored.foreign.size === 0) return adopt(config, stored.live);
  let live = config;
  for (const [key, path] of stored.foreign) {
    const theirs = valueAt(stored.live, path);
    if (theirs === undefined) {
      // It went with the list item it was in.
      stored.foreign.delete(key);
      continue;
    }
    const ours = valueAt(config, path);
    if (ours !== undefined && !isEqual(ours, theirs))
      throw new ForeignChangeError(
        `Applying ${stored.kind} ${stored.name}: somebody else owns a field. conflict: .${path.join(".")}`,
      );
    live = withValue(live, path, theirs);
  }
  return adopt(live, stored.live);
}

/** Another field manager sets a field, and owns it from now on; undefined removes it, and then nobody does. */
export function take(store: Store, stored: StoredObject, path: Path, value: unknown): void {
  if (isEqual(value, valueAt(stored.live, path))) return;
  const key = path.join("\0");
  if (value === undefined) stored.foreign.delete(key);
  else stored.foreign.set(key, path);
  const live = adopt(withValue(stored.live, path, value), stored.live);
  const config = value === undefined ? adopt(withValue(stored.config, path, undefined), stored.config) : stored.config;
  store.put(stored, config, live, "other");
}
