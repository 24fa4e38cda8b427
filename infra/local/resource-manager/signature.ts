import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const LIFETIME_MILLISECONDS = 60 * 60 * 1000;

/** Signed addresses for blobs: whoever has one may do what it says until it expires. */
export interface Signer {
  /** The query of an address for `path`, valid for an hour; permissions are the service's letters: r, c, w. */
  sign(path: string, permissions: string): string;
  /** Whether the address is unchanged and not expired. */
  isValid(url: URL): boolean;
}

export function createSigner(now: () => Date): Signer {
  const key = randomBytes(32);

  function signature(path: string, permissions: string, expiry: string): Buffer {
    return createHmac("sha256", key).update([path, permissions, expiry].join("\n")).digest();
  }

  return {
    sign(path, permissions) {
      const expiry = `${new Date(now().getTime() + LIFETIME_MILLISECONDS).toISOString().slice(0, 19)}Z`;
      const sig = signature(path, permissions, expiry).toString("base64");
      return new URLSearchParams({ sv: "2024-11-04", sr: "b", sp: permissions, se: expiry, sig }).toString();
    },
    isValid(url) {
      const expiry = url.searchParams.get("se") ?? "";
      const expected = signature(url.pathname, url.searchParams.get("sp") ?? "", expiry);
      const given = Buffer.from(url.searchParams.get("sig") ?? "", "base64");
      const isSigned = given.length === expected.length && timingSafeEqual(given, expected);
      return isSigned && Date.parse(expiry) > now().getTime();
    },
  };
}
