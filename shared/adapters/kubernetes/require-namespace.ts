import { FIELD_MANAGER } from "./apply.ts";
import { classifyKubeAnswer, isNamespaceMissing } from "./classify.ts";
import { objectPath } from "./kinds.ts";
import type { KubeCall } from "./kube-http.ts";

/**
 * To a GET, nothing in a namespace and no namespace at all are the same; to an apply that is not carried out they are
 * not. It needs no right that Belay does not have, and is asked once.
 * @throws PermanentError `namespace-missing`
 */
export function createRequireNamespace(call: KubeCall, namespace: string): (signal: AbortSignal) => Promise<void> {
  const ask = async (signal: AbortSignal): Promise<void> => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "belay-is-there" } };
    const answer = await call({
      method: "PATCH",
      path: `${objectPath(object, namespace)}?fieldManager=${FIELD_MANAGER}&dryRun=All`,
      contentType: "application/apply-patch+yaml",
      body: JSON.stringify(object),
      signal,
    });
    if (isNamespaceMissing(answer)) throw classifyKubeAnswer("Looking at the target", answer);
  };
  let asked: Promise<void> | undefined;
  return (signal) => {
    asked ??= ask(signal);
    return asked;
  };
}
