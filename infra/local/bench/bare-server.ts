import { createServer, type IncomingMessage } from "node:http";
import { ServiceBusClient, type ServiceBusSender } from "@azure/service-bus";
// biome-ignore lint/style/noRestrictedImports: the baseline does the app's own verification, and nothing else of it.
import { verifySignature } from "../../../shared/webhook/signature.ts";

/** The least a receipt of a delivery can cost: read, verify, with BARE_BUS also send, answer 202. Prints its address. */
const { BARE_SECRET = "", BARE_BUS, BARE_QUEUE = "" } = process.env;
const sender: ServiceBusSender | undefined =
  BARE_BUS === undefined ? undefined : new ServiceBusClient(BARE_BUS).createSender(BARE_QUEUE);

async function answer(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const headers = { get: (name: string) => request.headers[name]?.toString() ?? null };
  const signed = verifySignature(headers, body, [BARE_SECRET], Date.now());
  if (signed === undefined) return 401;
  await sender?.sendMessages({ messageId: signed.id, body: body.toString(), contentType: "application/json" });
  return 202;
}

const server = createServer((request, response) => {
  answer(request).then(
    (status) => response.writeHead(status, { "content-length": 0 }).end(),
    (error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))),
  );
});
// Nobody is left to stop it once the bench is gone.
process.stdin.resume().once("close", () => process.exit());
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object")
    process.stdout.write(`http://127.0.0.1:${address.port}/api/webhooks/mlflow\n`);
});
