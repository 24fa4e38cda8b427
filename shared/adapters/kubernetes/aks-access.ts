import { parse as parseYaml } from "yaml";
import * as z from "zod";
import { PermanentError } from "../../domain/errors.ts";
import {
  ARM_CALL_MS,
  classifyArmError,
  openClusterManagement,
  type ResourceManagerSettings,
} from "../azure/resource-manager.ts";
import { classifyAzureError } from "../azure/rest-error.ts";
import { within } from "../azure/within.ts";
import { createKubeHttp, type KubeHttp } from "./kube-http.ts";

/** An AKS cluster by its name in Azure. */
export interface AksName {
  resourceGroup: string;
  name: string;
}

/** The application id of every AKS cluster's API server, the same in all tenants. */
const AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
const TOKEN_MS = 20_000;
/** A visit ends within this, so a token with more life than that outlives it. */
const LEAST_LIFE_MS = 300_000;
/** A cluster that was made anew under its name has another authority; its facts are asked for again after this. */
const FACTS_MS = 3_600_000;
const ROLE = "Azure Kubernetes Service Cluster User Role on the cluster";

const answer = z.object({ kubeconfigs: z.array(z.object({ value: z.instanceof(Uint8Array) })).min(1) });
const kubeconfig = z.object({
  clusters: z
    .array(
      z.object({
        cluster: z.object({
          // A token goes there, so nothing but https will do.
          server: z.url({ protocol: /^https$/ }),
          "certificate-authority-data": z.base64().min(1),
        }),
      }),
    )
    .min(1),
});

interface ClusterFacts {
  server: string;
  caData: string;
  until: number;
}

interface Opened {
  http: KubeHttp;
  expiresAt: number;
  facts: ClusterFacts;
}

/** Reaches AKS clusters with the app's own identity; of the kubeconfig only address and authority are used. */
export function createAksAccess(
  settings: ResourceManagerSettings,
  now: () => number = Date.now,
): (cluster: AksName) => Promise<KubeHttp> {
  const opened = new Map<string, Opened>();
  return async (cluster) => {
    const key = `${cluster.resourceGroup}/${cluster.name}`.toLowerCase();
    const known = opened.get(key);
    const facts = known !== undefined && known.facts.until > now() ? known.facts : undefined;
    if (known !== undefined && facts !== undefined && known.expiresAt - now() >= LEAST_LIFE_MS) return known.http;
    const fresh = await open(settings, cluster, facts, now);
    opened.set(key, fresh);
    return fresh.http;
  };
}

async function open(
  settings: ResourceManagerSettings,
  cluster: AksName,
  known: ClusterFacts | undefined,
  now: () => number,
): Promise<Opened> {
  const facts = known ?? (await readFacts(settings, cluster, now));
  const { token, expiresOnTimestamp } = await readToken(settings, cluster);
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: cluster.name, server: facts.server, caData: facts.caData, skipTLSVerify: false },
    { name: "belay", token },
  );
  return { http: createKubeHttp(config), expiresAt: expiresOnTimestamp, facts };
}

async function readFacts(
  settings: ResourceManagerSettings,
  { resourceGroup, name }: AksName,
  now: () => number,
): Promise<ClusterFacts> {
  const what = `Reading the cluster ${name}`;
  const credentials = await within(new AbortController().signal, ARM_CALL_MS, async (abortSignal) => {
    const client = await openClusterManagement(settings);
    const options = { format: "exec", abortSignal };
    return client.managedClusters.listClusterUserCredentials(resourceGroup, name, options);
  }).catch((error: unknown) => {
    throw classifyArmError(what, error, {
      role: ROLE,
      settings: "cluster.resourceGroup and cluster.name of the policy",
    });
  });
  const found = readKubeconfig(answer.safeParse(credentials).data?.kubeconfigs[0]?.value);
  const first = kubeconfig.safeParse(found);
  const cluster = first.data?.clusters[0]?.cluster;
  if (cluster === undefined)
    throw new PermanentError(
      "bad-answer",
      `${what}: the kubeconfig is not understood at ${first.error?.issues[0]?.path.join(".")}.`,
    );
  return { server: cluster.server, caData: cluster["certificate-authority-data"], until: now() + FACTS_MS };
}

/** Undefined when it is not YAML; the parser's texts may repeat secrets, and its warnings would be printed. */
function readKubeconfig(bytes: Uint8Array | undefined): unknown {
  try {
    return parseYaml(Buffer.from(bytes ?? []).toString("utf8"), {
      maxAliasCount: 10,
      logLevel: "error",
      uniqueKeys: false,
    });
  } catch {
    return undefined;
  }
}

async function readToken({ credential }: ResourceManagerSettings, { name }: AksName) {
  const what = `Getting a token for the cluster ${name}`;
  const token = await within(new AbortController().signal, TOKEN_MS, (abortSignal) =>
    credential.getToken(AKS_SCOPE, { abortSignal }),
  ).catch((error: unknown) => {
    throw classifyAzureError(what, error) ?? error;
  });
  if (token === null) throw new PermanentError("access-denied", `${what}: there is no identity to get one for.`);
  return token;
}
