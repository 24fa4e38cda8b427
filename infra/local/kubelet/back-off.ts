/** Seconds of the first wait and of the longest; a kubelet's are 10 and 300. */
export type BackOffLimits = { readonly initialSeconds: number; readonly maxSeconds: number };

/** The wait before the next try, and when that try is made (epoch ms). */
export type BackOff = { readonly waitSeconds: number; readonly until: number };

/**
 * The wait after a failure: `firstSeconds` the first time, then the initial wait, doubling up to the longest.
 * What failed again only after twice the longest wait begins anew, as in k8s.io/client-go/util/flowcontrol.
 */
export function nextBackOff(
  former: BackOff | undefined,
  failedAt: number,
  limits: BackOffLimits,
  firstSeconds: number,
): BackOff {
  const isForgotten = former !== undefined && failedAt - former.until > 2 * limits.maxSeconds * 1000;
  const waitSeconds = former === undefined || isForgotten ? firstSeconds : longer(former.waitSeconds, limits);
  return { waitSeconds, until: failedAt + waitSeconds * 1000 };
}

function longer(waitSeconds: number, { initialSeconds, maxSeconds }: BackOffLimits): number {
  return Math.min(waitSeconds === 0 ? initialSeconds : 2 * waitSeconds, maxSeconds);
}
