import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { stringify } from "yaml";

/** Who the parts of the control plane are to each other, as files in one folder. */
export interface Credentials {
  /** Certificate and key of every server, and of etcd's clients; its own authority. */
  readonly cert: string;
  readonly key: string;
  readonly certPem: string;
  /** The API server's list of tokens. */
  readonly tokensFile: string;
  readonly tokens: Readonly<Record<User, string>>;
  /** What service account tokens are signed and checked with. */
  readonly accountKey: string;
  readonly accountPublicKey: string;
}

type User = "admin" | "system:kube-controller-manager" | "system:kube-scheduler";
const USERS: readonly User[] = ["admin", "system:kube-controller-manager", "system:kube-scheduler"];

const LIFETIME_MS = 2 * 24 * 60 * 60 * 1000;
/** A client whose clock is a little behind ours shall accept it too. */
const CLOCK_SKEW_MS = 60 * 1000;

/** Makes new ones, readable by this user only. */
export async function writeCredentials(directory: string): Promise<Credentials> {
  const { cert, key } = await createCertificate();
  const account = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const [admin, controllers, scheduler] = USERS.map(() => randomBytes(24).toString("hex"));
  const tokens = {
    admin: admin ?? "",
    "system:kube-controller-manager": controllers ?? "",
    "system:kube-scheduler": scheduler ?? "",
  };
  const write = async (name: string, content: string): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  return {
    certPem: cert,
    tokens,
    cert: await write("server.crt", cert),
    key: await write("server.key", key),
    tokensFile: await write("tokens.csv", tokenList(tokens)),
    accountKey: await write("service-account.key", account.privateKey),
    accountPublicKey: await write("service-account.pub", account.publicKey),
  };
}

/** token, name, uid and, for the administrator, the group that may do everything. */
function tokenList(tokens: Credentials["tokens"]): string {
  const lines = USERS.map((user) => `${tokens[user]},${user},${user}${user === "admin" ? ',"system:masters"' : ""}`);
  return `${lines.join("\n")}\n`;
}

async function createCertificate(): Promise<{ cert: string; key: string }> {
  const now = Date.now();
  const pems = await generate([{ name: "commonName", value: "control-plane" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(now - CLOCK_SKEW_MS),
    notAfterDate: new Date(now + LIFETIME_MS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  return { cert: pems.cert, key: pems.private };
}

/** A kubeconfig as YAML, for one server and one token. */
export function kubeconfig(server: string, certPem: string, token: string): string {
  const cluster = { server, "certificate-authority-data": Buffer.from(certPem).toString("base64") };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "real",
    clusters: [{ name: "real", cluster }],
    users: [{ name: "user", user: { token } }],
    contexts: [{ name: "real", context: { cluster: "real", user: "user" } }],
  });
}
