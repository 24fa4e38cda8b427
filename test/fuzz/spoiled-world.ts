import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { World } from "../pipeline/world.ts";
import type { Random } from "./random.ts";
import { CLUSTER, PROBER } from "./respoken-cluster.ts";
import { BUILDER, REGISTRY } from "./respoken-registries.ts";
import { STORE } from "./respoken-store.ts";

/** How an answer is put into its system's words, spoiled and read again: by port and call. */
const RESPOKEN = { cluster: CLUSTER, prober: PROBER, registry: REGISTRY, builder: BUILDER, store: STORE, images: {} };
type PortName = keyof typeof RESPOKEN;

/** Calls whose answers only their errors, or an absence, can spoil. */
const PLAIN: Readonly<Record<PortName, readonly string[]>> = {
  cluster: [],
  prober: [],
  registry: ["openArtifact"],
  builder: ["uploadContext", "start"],
  store: ["putBundle", "hintListed", "hintOpen"],
  images: ["digestOf", "lock", "exists"],
};
/** What a registry may say of an image that is there after all. */
const ABSENCE: Readonly<Record<string, unknown>> = { digestOf: undefined, lock: false, exists: false };
/** They change something, which may have happened or not when their answer is spoiled. */
const CHANGING = new Set(["apply", "remove", "save", "saveBuild", "lock", "start", "uploadContext", "putBundle"]);

export interface Call {
  port: PortName;
  member: string;
  parameters: readonly unknown[];
  proceed: () => Promise<unknown>;
}

type Port = Record<string, (...parameters: unknown[]) => Promise<unknown>>;
type Respeak = (random: Random, good: unknown, ...parameters: readonly unknown[]) => Promise<unknown>;

/** Lets every call to an outside system of this world go through here; by itself it proceeds. */
export function interpose(world: World, onCall: (call: Call) => Promise<unknown>): void {
  const { cluster, registry, builder, store, images } = world;
  const ports = { cluster, prober: cluster.prober, registry, builder, store, images };
  for (const [name, port] of Object.entries(ports) as unknown as [PortName, Port][])
    for (const member of [...Object.keys(RESPOKEN[name]), ...PLAIN[name]]) {
      const call = port[member];
      if (call === undefined) throw new Error(`${name} has no ${member}`);
      port[member] = (...parameters) =>
        onCall({ port: name, member, parameters, proceed: () => call.apply(port, parameters) });
    }
}

/** Answers one call with a spoiled answer; what it is to change may have been changed or not. */
export async function spoilCall(random: Random, { port, member, parameters, proceed }: Call): Promise<unknown> {
  const respeak = (RESPOKEN[port] as Readonly<Record<string, Respeak>>)[member];
  const reached = !CHANGING.has(member) || random.chance(0.5);
  const good = reached ? await proceed() : "never asked";
  if (respeak !== undefined && (reached || !UNREACHED_IS_ERROR.has(member)))
    return respeak(random, good, ...parameters);
  if (member in ABSENCE && random.chance(0.3)) return ABSENCE[member];
  throw random.pick([
    () => new TransientError("unreachable", "There was no answer."),
    () => new TransientError("access-denied", "The token was refused."),
    () => new PermanentError("bad-answer", "The answer was not understood."),
    () => new PermanentError("access-denied", "Access was refused."),
  ])();
}

/** A deletion that never came is asked for again by whoever looks next. */
const UNREACHED_IS_ERROR = new Set(["remove"]);
