import { randomInt } from "node:crypto";

/** The addresses of one node: a /24 of the pod network; the node's own is the first, pods take the others. */
export type NodeAddresses = { readonly nodeIP: string; take(): string; release(ip: string): void };

/**
 * Candidates for a node's share of an IPv4 pod network of /8 to /24, in random order, each once.
 * Throws when the network is not written as such.
 */
export function* nodeShares(
  podNetwork: string,
  random: (below: number) => number = randomInt,
): Generator<NodeAddresses> {
  const [, address = "", length = ""] = /^(\d+(?:\.\d+){3})\/(\d+)$/.exec(podNetwork) ?? [];
  const octets = address.split(".").map(Number);
  const bits = Number(length);
  if (octets.length !== 4 || octets.some((octet) => octet > 255) || bits < 8 || bits > 24) {
    throw new Error(`podNetwork must be an IPv4 network of /8 to /24, such as 127.77.0.0/16; it is "${podNetwork}"`);
  }
  const [a = 0, b = 0, c = 0] = octets;
  const count = 2 ** (24 - bits);
  const first = Math.floor((a * 65_536 + b * 256 + c) / count) * count;
  const start = random(count);
  for (let index = 0; index < count; index += 1) yield share(first + ((start + index) % count));
}

function share(network: number): NodeAddresses {
  const prefix = [Math.floor(network / 65_536), Math.floor(network / 256) % 256, network % 256].join(".");
  const taken = new Set<number>();
  let last = 1;
  return {
    nodeIP: `${prefix}.1`,
    take() {
      for (let tried = 0; tried < 253; tried += 1) {
        last = last >= 254 ? 2 : last + 1;
        if (taken.has(last)) continue;
        taken.add(last);
        return `${prefix}.${last}`;
      }
      throw new Error(`all 253 addresses of ${prefix}.0/24 are taken`);
    },
    release(ip) {
      taken.delete(Number(ip.split(".")[3]));
    },
  };
}
