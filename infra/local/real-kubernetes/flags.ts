import { join } from "node:path";
import type { Credentials } from "./credentials.ts";

const HOST = "127.0.0.1";

/** One member whose data nothing needs after it. */
export function etcdFlags({ cert, key }: Credentials, directory: string, port: number, peerPort: number) {
  const client = `https://${HOST}:${port}`;
  const peer = `https://${HOST}:${peerPort}`;
  return {
    name: "only",
    "data-dir": join(directory, "etcd"),
    "unsafe-no-fsync": true,
    "log-level": "warn",
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `only=${peer}`,
    "cert-file": cert,
    "key-file": key,
    "trusted-ca-file": cert,
    "client-cert-auth": true,
    "peer-cert-file": cert,
    "peer-key-file": key,
    "peer-trusted-ca-file": cert,
    "peer-client-cert-auth": true,
  };
}

/** TLS, tokens, RBAC; what is not here is as the server has it by itself. */
export function apiServerFlags(credentials: Credentials, directory: string, etcdPort: number, port: number) {
  const { cert, key } = credentials;
  return {
    "etcd-servers": `https://${HOST}:${etcdPort}`,
    "etcd-cafile": cert,
    "etcd-certfile": cert,
    "etcd-keyfile": key,
    "bind-address": HOST,
    "advertise-address": HOST,
    "secure-port": port,
    "tls-cert-file": cert,
    "tls-private-key-file": key,
    "cert-dir": directory,
    "token-auth-file": credentials.tokensFile,
    "authorization-mode": "Node,RBAC",
    "service-cluster-ip-range": "10.96.0.0/16",
    // A loopback address, the only one there is, is no valid endpoint of the service `kubernetes`.
    "endpoint-reconciler-type": "none",
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": credentials.accountPublicKey,
    "service-account-signing-key-file": credentials.accountKey,
    "kubelet-preferred-address-types": "InternalIP",
    "allow-privileged": true,
    profiling: false,
  };
}

/** It watches what the API server has and serves nothing itself. */
export function controllerFlags(credentials: Credentials, kubeconfigFile: string) {
  return {
    ...schedulerFlags(kubeconfigFile),
    "use-service-account-credentials": true,
    // A node is looked at in every period: one that has just come is not ready before, whatever it says.
    "node-monitor-period": "1s",
    "service-account-private-key-file": credentials.accountKey,
    "root-ca-file": credentials.cert,
  };
}

/** Like the controllers: no port, and no election among one. */
export function schedulerFlags(kubeconfigFile: string) {
  return { kubeconfig: kubeconfigFile, "leader-elect": false, "secure-port": 0, profiling: false };
}
