export type ProbeKind = "startup" | "readiness" | "liveness";

/** What a probe's answers mean together; `result` is undefined while a startup probe has decided nothing. */
export type ProbeState = {
  readonly result: boolean | undefined;
  readonly last: boolean | undefined;
  readonly run: number;
};

export type Thresholds = { readonly successThreshold?: number; readonly failureThreshold?: number };

const INITIAL = { startup: undefined, readiness: false, liveness: true };

/** Before its first answer a container is alive, not ready, and not known to have started. */
export function initialProbeState(kind: ProbeKind): ProbeState {
  return { result: INITIAL[kind], last: undefined, run: 0 };
}

/** Counts equal answers in a row; the result follows once the threshold of that answer is reached (defaults 1 and 3). */
export function observe(state: ProbeState, success: boolean, thresholds: Thresholds): ProbeState {
  const run = state.last === success ? state.run + 1 : 1;
  const needed = success ? (thresholds.successThreshold ?? 1) : (thresholds.failureThreshold ?? 3);
  return { result: run >= needed ? success : state.result, last: success, run };
}
