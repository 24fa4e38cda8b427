import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import * as client from "@kubernetes/client-node";
import { z } from "zod";

/** The kinds of a release whose fields the official client describes, by its classes. */
const ROOTS = [
  "V1ConfigMap",
  "V1Service",
  "V1Deployment",
  "V2HorizontalPodAutoscaler",
  "V1PodDisruptionBudget",
  "V1NetworkPolicy",
];
/** What a server writes and nobody applies is not looked into. */
const WRITTEN_BY_SERVER = /Status$|^V1ManagedFieldsEntry$/;

const attributes = z.array(z.object({ baseName: z.string(), type: z.string() }));
const classes: Readonly<Record<string, unknown>> = { ...client };

type Fields = Record<string, Record<string, string>>;

/**
 * Every field of these kinds: by class, and by field the class it holds, in a list or map too, or "" for any value.
 * Rebuilt after every update of `@kubernetes/client-node`; a test compares.
 */
export function kubernetesFields(): string {
  const fields: Fields = {};
  const queue = [...ROOTS];
  for (const name of queue) {
    if (fields[name] !== undefined) continue;
    const entries = fieldsOf(name).map(({ baseName, type }) => [baseName, classIn(type)] as const);
    fields[name] = Object.fromEntries(entries);
    queue.push(...entries.map(([, inner]) => inner).filter((inner) => inner !== ""));
  }
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

function fieldsOf(name: string) {
  const found = classes[name];
  if (typeof found !== "function" || !("getAttributeTypeMap" in found)) throw new Error(`${name} is no class.`);
  const read: unknown = Reflect.apply(found.getAttributeTypeMap as () => unknown, found, []);
  return attributes.parse(read);
}

/** The class in `Array<V1Container>` or `{ [key: string]: V1Pod; }`; "" where any value goes, or none is looked into. */
function classIn(type: string): string {
  const inner = /^Array<(.*)>$/.exec(type)?.[1] ?? /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1] ?? type;
  const found = classes[inner];
  const isClass = typeof found === "function" && "getAttributeTypeMap" in found;
  return isClass && !WRITTEN_BY_SERVER.test(inner) ? inner : "";
}

const path = resolve(import.meta.dirname, "../../../shared/config/kubernetes-fields.json");
if (process.argv[1] === import.meta.filename) writeFileSync(path, kubernetesFields());
