import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, vi } from "vitest";
import { type Certificate, createCertificate } from "../../infra/local/certificate/create-certificate.ts";
import { createIdentityEndpoint, type IdentityEndpoint } from "../../infra/local/identity/create-identity-endpoint.ts";

export const SUBSCRIPTION = "00000000-1111-2222-3333-444444444444";
export const GROUP = "belay";
export const REGISTRY = "belayRegistry";
export const RESOURCE_MANAGER = "https://management.azure.com";

export interface LoopbackAzure {
  /** For servers that speak https; trusted in this process. */
  readonly certificate: Certificate;
  readonly identity: IdentityEndpoint;
}

/** A certificate that this process trusts and an identity that its credentials find; call it once at the top of a test file. */
export function useLoopbackAzure(): LoopbackAzure {
  const before = getCACertificates("default");
  const identity = createIdentityEndpoint();
  let certificate: Certificate = { key: "", cert: "", caPem: "" };
  beforeAll(async () => {
    certificate = await createCertificate();
    setDefaultCACertificates([...before, certificate.caPem]);
    await identity.listen();
    for (const [name, value] of Object.entries(identity.environment())) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    await identity.close();
    vi.unstubAllEnvs();
    setDefaultCACertificates(before);
  });
  return {
    get certificate() {
      return certificate;
    },
    identity,
  };
}
