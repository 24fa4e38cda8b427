import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Header } from "./delivery.ts";

/** One HTTP request, headers in wire order and without Host. */
export interface Outgoing {
  method: "POST" | "GET";
  url: URL;
  headers: readonly Header[];
  body: string;
}

export interface Incoming {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** At most 64 KiB of it. */
  body: string;
}

/** Sends one request without following redirects; rejects when there is no answer. */
export type Send = (outgoing: Outgoing, signal: AbortSignal) => Promise<Incoming>;

const MAX_ANSWER = 64 * 1024;

/** Over the network, with a connection for each request; headers keep their order and spelling. */
export const sendOverNetwork: Send = (outgoing, signal) =>
  new Promise((resolve, reject) => {
    const { url, method } = outgoing;
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    const headers = [["Host", url.host], ...outgoing.headers].flat();
    const target = { hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port, path: url.pathname + url.search };
    request({ ...target, method, headers, signal, agent: false }, (response) => {
      readAnswer(response).then(resolve, reject);
    })
      .on("error", reject)
      .end(outgoing.body);
  });

async function readAnswer(response: IncomingMessage): Promise<Incoming> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const piece: Buffer = chunk;
    if (size < MAX_ANSWER) chunks.push(piece);
    size += piece.length;
  }
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).subarray(0, MAX_ANSWER).toString("utf8"),
  };
}
