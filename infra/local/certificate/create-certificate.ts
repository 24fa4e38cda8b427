import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

const LIFETIME_MILLISECONDS = 2 * 24 * 60 * 60 * 1000;

/** A client whose clock is a little behind ours shall accept it too. */
const CLOCK_SKEW_MILLISECONDS = 60 * 1000;

/** A server certificate for 127.0.0.1 and localhost, everything as PEM text. */
export interface Certificate {
  key: string;
  cert: string;
  /** What a client has to trust; the certificate signs nothing but itself, so trusting it trusts only loopback names. */
  caPem: string;
}

/** Makes a new P-256 key and a certificate that is valid for 2 days from `now`. */
export async function createCertificate(now: Date = new Date()): Promise<Certificate> {
  const pems = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(now.getTime() - CLOCK_SKEW_MILLISECONDS),
    notAfterDate: new Date(now.getTime() + LIFETIME_MILLISECONDS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  return { key: pems.private, cert: pems.cert, caPem: pems.cert };
}

/** Writes what clients have to trust into an existing directory, never the key; the path is for NODE_EXTRA_CA_CERTS. */
export async function writeCertificate(directory: string, certificate: Certificate): Promise<string> {
  const path = join(directory, "belay-local-ca.pem");
  await writeFile(path, certificate.caPem);
  return path;
}
