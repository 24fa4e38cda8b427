import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { V1Container, V1HTTPGetAction, V1TCPSocketAction } from "@kubernetes/client-node";
import { StartError } from "./command-line.ts";

/** `success` is undefined when the command of an exec probe could not be started: such an answer counts for nothing. */
export type ProbeAnswer = { readonly success: boolean | undefined; readonly message: string };

/** What a probe or a lifecycle hook asks of a container. */
export type Action = V1Container["readinessProbe"] | NonNullable<V1Container["lifecycle"]>["preStop"];

/** As much of an answer as a kubelet reads. */
const BODY_LIMIT_BYTES = 10 * 1024;

export type ProbeContext = {
  readonly podIP: string;
  readonly container: V1Container;
  /** Runs a command of the container; rejects when it cannot be started. */
  exec(command: readonly string[], signal: AbortSignal): Promise<{ exitCode: number; output: string }>;
};

/** Carries out an httpGet, tcpSocket or exec action; whatever goes wrong is an answer. */
export async function probe(
  action: NonNullable<Action>,
  context: ProbeContext,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  try {
    if (action.httpGet) return await httpGet(action.httpGet, context, signal);
    if (action.tcpSocket) return await tcpSocket(action.tcpSocket, context, signal);
    return await exec(action.exec?.command ?? [], context, signal);
  } catch (error) {
    return {
      success: false,
      message: signal.aborted ? "timed out" : error instanceof Error ? error.message : String(error),
    };
  }
}

async function httpGet(action: V1HTTPGetAction, context: ProbeContext, signal: AbortSignal): Promise<ProbeAnswer> {
  const { path = "/", scheme = "HTTP", httpHeaders = [] } = action;
  const options = {
    host: action.host ?? context.podIP,
    port: portNumber(action.port, context.container),
    path: path.startsWith("/") ? path : `/${path}`,
    headers: {
      "user-agent": "kube-probe/1",
      ...Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])),
    },
    agent: false as const,
    signal,
    rejectUnauthorized: false,
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = scheme === "HTTPS" ? httpsRequest(options) : httpRequest(options);
    request.once("error", reject).once("response", resolve).end();
  });
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) break;
  }
  const status = response.statusCode ?? 0;
  const success = status >= 200 && status < 400;
  return { success, message: `HTTP probe ${success ? "succeeded" : "failed"} with statuscode: ${status}` };
}

async function tcpSocket(action: V1TCPSocketAction, context: ProbeContext, signal: AbortSignal): Promise<ProbeAnswer> {
  const socket = connect({
    host: action.host ?? context.podIP,
    port: portNumber(action.port, context.container),
    signal,
  });
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return { success: true, message: "" };
  } finally {
    socket.destroy();
  }
}

async function exec(command: readonly string[], context: ProbeContext, signal: AbortSignal): Promise<ProbeAnswer> {
  try {
    const { exitCode, output } = await context.exec(command, signal);
    if (signal.aborted) return { success: false, message: "command timed out" };
    return { success: exitCode === 0, message: output.trim() };
  } catch (error) {
    if (error instanceof StartError) return { success: undefined, message: error.message };
    throw error;
  }
}

/** A port given by number, or by the name of a container port; throws when no port has that name. */
export function portNumber(port: number | string, container: V1Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named)) throw new Error(`couldn't find port: ${port}`);
  return named;
}
