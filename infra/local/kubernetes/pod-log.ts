import type { ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { Node, Pod } from "./objects.ts";
import type { Operations } from "./operations.ts";
import { resources } from "./resources.ts";
import { badRequest, StatusError } from "./status-error.ts";

const LOG_PARAMETERS = ["follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "tailLines", "timestamps"];

/** Passes a container's log on from the kubelet of the pod's node; 500 without a reason when that cannot be reached. */
export async function servePodLog(
  { read }: Operations,
  pod: Pod,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const container = containerOf(pod, query.get("container"));
  // The real server answers an empty log for a pod that nobody runs yet.
  if (pod.spec.nodeName === undefined) {
    response.writeHead(200, { "content-type": "text/plain" }).end();
    return;
  }
  const base = kubeletUrl(read(resources.nodes, undefined, pod.spec.nodeName));
  const { namespace, name } = pod.metadata;
  const url = new URL(`${base}/containerLogs/${namespace}/${name}/${container}`);
  for (const parameter of LOG_PARAMETERS) {
    const value = query.get(parameter);
    if (value !== null) url.searchParams.set(parameter, value);
  }
  await pass(url, response);
}

async function pass(url: URL, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const answer = await fetch(url, { signal: gone.signal }).catch((error: unknown) => {
    throw new StatusError(500, "", `Get "${url.href}": ${describe(error)}`);
  });
  if (!answer.ok) throw new StatusError(answer.status, reasonOf(answer.status), (await answer.text()).trim());
  response.writeHead(200, { "content-type": "text/plain" });
  for await (const chunk of answer.body ?? []) response.write(chunk);
  response.end();
}

const describe = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
};

const reasonOf = (code: number): string => (code === 404 ? "NotFound" : code === 400 ? "BadRequest" : "InternalError");

function containerOf(pod: Pod, asked: string | null): string {
  const names = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(({ name }) => name);
  if (asked !== null && asked !== "") {
    if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`);
    return asked;
  }
  const [first = "", ...more] = pod.spec.containers;
  if (first === "" || more.length > 0)
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(" ")}]`,
    );
  return first.name;
}

function kubeletUrl({ status }: Node): string {
  const address = status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address === undefined || port === undefined)
    throw new StatusError(500, "", "no preferred addresses found; known addresses: []");
  return `http://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}
