import { defineConfig } from "vitest/config";

/** The lanes against real peers: each needs something installed, and says in one line what is missing. */
const lanes = ["mlflow", "serving", "proton", "kubectl", "skopeo", "manifests"];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/real/**"], testTimeout: 20_000 } },
      // The same tests as in `unit`, at their full sizes.
      {
        test: {
          name: "fuzz",
          include: ["test/fuzz/**/*.test.ts"],
          env: { FUZZ: "full" },
          testTimeout: 600_000,
          hookTimeout: 60_000,
        },
      },
      ...lanes.map((name) => ({
        test: {
          name,
          include: [`test/real/${name}/**/*.test.ts`],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      })),
      // The tests of the stand-in and of its kubelet ask the real control plane, too.
      {
        test: {
          name: "real-kubernetes",
          include: [
            "test/real/kubernetes/**/*.test.ts",
            "test/local/kubernetes/**/*.test.ts",
            "test/local/kubelet/{failures,pods}.test.ts",
          ],
          // About the stand-in's own settings.
          exclude: ["test/local/kubernetes/server.test.ts"],
          globalSetup: "test/real/kubernetes/global-setup.ts",
          setupFiles: "test/real/kubernetes/point-local-tests.ts",
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
    // The domain decides everything: no branch of it goes untested. Switched on by `npm test`.
    coverage: {
      include: ["shared/domain/**"],
      reporter: [["text", { skipFull: true }]],
      thresholds: { branches: 100, functions: 100 },
    },
  },
});
