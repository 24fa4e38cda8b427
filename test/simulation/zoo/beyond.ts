/** Defects of the zoo that the simulator does not find yet, and why; the tests that do are named where there are any. */
export const BEYOND: Readonly<Record<string, string>> = {
  "create-only-skipped":
    "it lies in the Kubernetes adapter, which the simulated cluster replaces: test/contracts/cluster",
  "fields-forced": "it lies in the Kubernetes adapter, which the simulated cluster replaces: test/contracts/cluster",
};
