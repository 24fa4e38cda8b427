import { beforeEach, describe, expect, it } from "vitest";
import { ForeignChangeError } from "../../shared/domain/errors.ts";
import { ANNOTATIONS, atZero, type KubernetesObject, LABELS } from "../../shared/domain/release.ts";
import type { Cluster } from "../../shared/ports/cluster.ts";

/** An empty namespace with a workload's number in other hands. */
export interface ReplicasStage {
  cluster: Cluster;
  /** An autoscaler sets the number of the workload `model`. */
  autoscale(replicas: number): Promise<void>;
  /** Somebody else sets it by hand. */
  setByHand(replicas: number): Promise<void>;
}

const signal = AbortSignal.timeout(60_000);

function workload(replicas: number, kind: "autoscaled" | "fixed", image = "app:1", token = "7.1"): KubernetesObject {
  const labels = { app: "model", [LABELS.template]: "t1" };
  const left = kind === "autoscaled" ? { [ANNOTATIONS.replicas]: "autoscaler" } : {};
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "model",
      labels: { [LABELS.target]: "churn" },
      annotations: { [ANNOTATIONS.token]: token, ...left },
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: "model" } },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "model", image, ports: [{ name: "http", containerPort: 80 }] }] },
      },
    },
  };
}

/** What every cluster owes a workload whose replicas are an autoscaler's, and its way there and back. */
export function replicasContract(name: string, open: () => Promise<ReplicasStage>): void {
  describe(`replicas: ${name}`, () => {
    let stage: ReplicasStage;
    beforeEach(async () => {
      stage = await open();
    });

    /** As a step does: controllers write to a workload too, and then it is read again. */
    const apply = async (object: KubernetesObject) => {
      for (let reads = 0; reads < 10; reads++) {
        const seen = await stage.cluster.read(object, signal);
        if ((await stage.cluster.apply(object, seen, signal)) === "applied") return "applied";
      }
      return "conflict";
    };
    const count = async () => (await stage.cluster.workload("model", signal))?.specReplicas;
    const seen = async () => {
      const observed = await stage.cluster.read(workload(1, "fixed"), signal);
      if (observed === undefined) throw new Error("The workload is not there.");
      return observed;
    };

    it("an autoscaler's workload starts with the number it is applied with", async () => {
      expect(await apply(workload(3, "autoscaled"))).toBe("applied");
      expect(await count()).toBe(3);
      expect((await seen()).replicas).toMatchObject({ count: 3, autoscaled: true });
    });

    it("three stay three, however often it is applied, whatever else changes, and whatever number it is applied with", async () => {
      await apply(workload(3, "autoscaled"));
      const courses = [["app:1", 3] as const, ["app:2", 3] as const, ["app:3", 5] as const, ["app:3", 5] as const];
      for (const [image, first] of courses) {
        expect(await apply(workload(first, "autoscaled", image))).toBe("applied");
        expect(await count()).toBe(3);
      }
    });

    it("the autoscaler's number stays through every change", async () => {
      await apply(workload(3, "autoscaled"));
      await stage.autoscale(7);
      for (const image of ["app:2", "app:3"]) {
        expect(await apply(workload(3, "autoscaled", image))).toBe("applied");
        expect(await count()).toBe(7);
      }
      await stage.autoscale(4);
      expect(await apply(workload(3, "autoscaled", "app:4"))).toBe("applied");
      expect(await count()).toBe(4);
    });

    it("a number that was Belay's is handed over as it is, three to three, never one", async () => {
      await apply(workload(3, "fixed"));
      expect(await apply(workload(5, "autoscaled", "app:2"))).toBe("applied");
      expect(await count()).toBe(3);
      await stage.autoscale(6);
      expect(await apply(workload(5, "autoscaled", "app:3"))).toBe("applied");
      expect(await count()).toBe(6);
    });

    it("what changed since it was seen is not applied, nor handed over", async () => {
      await apply(workload(3, "fixed"));
      const before = await seen();
      await stage.autoscale(6);
      expect(await stage.cluster.apply(workload(3, "autoscaled"), before, signal)).toBe("conflict");
      expect(await count()).toBe(6);
    });

    it.each([3, 5, 7])(
      "a number of Belay's own (%d) takes its place again, and can be changed afterwards",
      async (own) => {
        await apply(workload(3, "autoscaled"));
        await stage.autoscale(7);
        await apply(workload(3, "autoscaled", "app:2"));
        for (const wanted of [own, own, own + 1]) {
          expect(await apply(workload(wanted, "fixed", "app:3"))).toBe("applied");
          expect(await count()).toBe(wanted);
        }
        expect((await seen()).replicas).toMatchObject({ autoscaled: false });
      },
    );

    it("an autoscaler's workload can be put to zero, and starts with its first number again", async () => {
      await apply(workload(3, "autoscaled"));
      await stage.autoscale(7);
      expect(await apply(atZero(workload(3, "autoscaled")))).toBe("applied");
      expect(await count()).toBe(0);
      expect(await apply(workload(4, "autoscaled", "app:2"))).toBe("applied");
      expect(await count()).toBe(4);
      await stage.autoscale(5);
      expect(await apply(workload(4, "autoscaled", "app:3"))).toBe("applied");
      expect(await count()).toBe(5);
    });

    it("a number that somebody set by hand on a workload of Belay's own is never taken", async () => {
      await apply(workload(3, "fixed"));
      await stage.setByHand(9);
      await expect(apply(workload(4, "fixed", "app:2"))).rejects.toBeInstanceOf(ForeignChangeError);
      expect(await count()).toBe(9);
    });
  });
}
