import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Certificate,
  createCertificate,
  writeCertificate,
} from "../../../infra/local/certificate/create-certificate.ts";

const run = promisify(execFile);
const server = createServer((_request, response) => response.end("hello"));
let certificate: Certificate;
let directory = "";
let port = 0;

beforeAll(async () => {
  certificate = await createCertificate();
  directory = await mkdtemp(join(tmpdir(), "certificate-test-"));
  server.setSecureContext(certificate);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

async function handshake(host: string, ca: string[]): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1", servername: host === "127.0.0.1" ? "" : host, ca });
  try {
    await once(socket, "secureConnect");
    return socket.authorized;
  } finally {
    socket.destroy();
  }
}

describe("the certificate of the embedded stack", () => {
  it.each(["127.0.0.1", "localhost"])("is trusted for %s by a client that knows it", async (host) => {
    expect(await handshake(host, [certificate.caPem])).toBe(true);
  });

  it("is refused by a client that does not know it", async () => {
    const other = await createCertificate();
    await expect(handshake("127.0.0.1", [other.caPem])).rejects.toThrow(/certificate/);
  });

  it("is refused for any other name", async () => {
    await expect(handshake("example.com", [certificate.caPem])).rejects.toThrow(/does not match/);
  });

  it("is valid for 2 days and can sign no other certificate", async () => {
    const now = new Date("2026-05-04T12:00:00Z");
    const parsed = new X509Certificate((await createCertificate(now)).cert);
    expect(new Date(parsed.validTo)).toEqual(new Date("2026-05-06T12:00:00Z"));
    expect(new Date(parsed.validFrom).getTime()).toBeLessThan(now.getTime());
    expect(parsed.ca).toBe(false);
  });

  it("is written without its key, where NODE_EXTRA_CA_CERTS finds it", async () => {
    const path = await writeCertificate(directory, certificate);
    expect(await readdir(directory)).toHaveLength(1);
    expect(await readFile(path, "utf8")).not.toContain("PRIVATE KEY");

    const script = `fetch("https://127.0.0.1:${port}/").then((answer) => answer.text()).then((text) => console.log(text))`;
    const { stdout } = await run(process.execPath, ["-e", script], { env: { NODE_EXTRA_CA_CERTS: path } });
    expect(stdout.trim()).toBe("hello");
  });
});
