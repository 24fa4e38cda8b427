import { KubeConfig, Watch } from "@kubernetes/client-node";
import { z } from "zod";

/** One state of a workload that the API server told of: who decided it, and what it runs. */
export interface Sighting {
  target: string;
  /** `generation.sequence` of the save that decided it. */
  token: { generation: number; sequence: number };
  image: string;
}

export interface Testimony {
  /** Changes of what a target runs, after the first. */
  changes: number;
  /** One sentence for each change that must not be: by an older token, or once more by the same deployment. */
  contradictions: readonly string[];
}

/** Watches, apart from everything Belay writes down, what the workloads of a namespace are made to run. */
export interface Witness {
  testify(): Testimony;
  stop(): void;
}

const workload = z.object({
  metadata: z.object({
    labels: z.object({ "belay.dev/target": z.string() }),
    annotations: z.object({ "belay.dev/token": z.string().regex(/^\d+\.\d+$/) }),
  }),
  spec: z.object({
    template: z.object({ spec: z.object({ containers: z.tuple([z.object({ image: z.string() })]) }) }),
  }),
});

export async function watchWorkloads(kubeconfig: string, namespace: string): Promise<Witness> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const sightings: Sighting[] = [];
  const watch = await keepWatching(config, `/apis/apps/v1/namespaces/${namespace}/deployments`, (value) => {
    sightings.push(toSighting(value));
  });
  return {
    testify() {
      watch.check();
      return testimonyOf(sightings);
    },
    stop: watch.stop,
  };
}

/** Watches again when the server or the client ends a watch after its time; what is there is then seen once more. */
async function keepWatching(config: KubeConfig, path: string, see: (value: unknown) => void) {
  let request: AbortController | undefined;
  let stopped = false;
  let broken: unknown;
  const watch = async (): Promise<void> => {
    request = await new Watch(config).watch(
      path,
      {},
      (phase, value) => {
        if (phase === "ADDED" || phase === "MODIFIED") see(value);
      },
      () => {
        if (!stopped) watch().catch(fail);
      },
    );
  };
  const fail = (error: unknown) => {
    broken = error;
  };
  await watch();
  return {
    check() {
      if (broken !== undefined) throw new Error("The watch on the workloads broke.", { cause: broken });
    },
    stop() {
      stopped = true;
      request?.abort();
    },
  };
}

function toSighting(value: unknown): Sighting {
  const { metadata, spec } = workload.parse(value);
  const [generation = 0, sequence = 0] = metadata.annotations["belay.dev/token"].split(".").map(Number);
  const [{ image }] = spec.template.spec.containers;
  return { target: metadata.labels["belay.dev/target"], token: { generation, sequence }, image };
}

/** What the sightings of all targets, in order, say against the promise of one change forward and one back. Pure. */
export function testimonyOf(sightings: readonly Sighting[]): Testimony {
  const all = [...Map.groupBy(sightings, ({ target }) => target).values()].map(ofTarget);
  return {
    changes: all.reduce((sum, { changes }) => sum + changes, 0),
    contradictions: all.flatMap(({ contradictions }) => contradictions),
  };
}

function ofTarget(sightings: readonly Sighting[]): Testimony {
  const changes = sightings.filter((one, index) => index > 0 && sightings[index - 1]?.image !== one.image);
  const back = sightings.filter((one, index) => isOlder(one, sightings[index - 1]));
  const often = [...Map.groupBy(changes, ({ token }) => token.generation)].filter(([, own]) => own.length > 2);
  return {
    changes: changes.length,
    contradictions: [
      ...back.map(({ target, token }) => `${target}: the token ${format(token)} came after a newer one.`),
      ...often.map(
        ([generation, own]) =>
          `${own[0]?.target}: the deployment ${generation} changed what runs ${own.length} times, by ${own.map(({ token }) => format(token)).join(", ")}.`,
      ),
    ],
  };
}

function isOlder({ token }: Sighting, before: Sighting | undefined): boolean {
  if (before === undefined) return false;
  const { generation, sequence } = before.token;
  return token.generation < generation || (token.generation === generation && token.sequence < sequence);
}

function format({ generation, sequence }: Sighting["token"]): string {
  return `${generation}.${sequence}`;
}
