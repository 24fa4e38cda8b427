/** Where there is a real control plane that the tests ask instead. */
export const { KUBERNETES_TEST_KUBECONFIG: realKubeconfig } = process.env;

/** Whether the tests ask a real control plane, by the same requests. */
export const isReal = realKubeconfig !== undefined;

/** Waits until `look` gives something; on a real control plane the namespace controller alone takes five seconds. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + (isReal ? 20_000 : 5_000);
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
