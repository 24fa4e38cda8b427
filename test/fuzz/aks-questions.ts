import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { createAksAccess } from "../../shared/adapters/kubernetes/aks-access.ts";
import type { HostileServer } from "../support/hostile-server.ts";
import { SECRET, type Spoiled, spoilAnswer, toWireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answerWith } from "./answering-server.ts";
import { changeValue, type Json, VALUE_KINDS } from "./json-value.ts";
import { oddText } from "./odd-text.ts";
import type { Random } from "./random.ts";
import { CREDENTIAL, SUBSCRIPTION } from "./tasks-questions.ts";

const KUBECONFIG: Json = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [
    {
      name: "models",
      cluster: {
        server: "https://models.hcp.azmk8s.io:443",
        "certificate-authority-data": btoa("-----BEGIN CERTIFICATE-----"),
      },
    },
  ],
  users: [{ name: "user", user: { token: SECRET } }],
};

const credentials = z.object({ kubeconfigs: z.array(z.object({ value: z.string() })).min(1) });
const cluster = z.object({
  server: z.string().startsWith("https://"),
  "certificate-authority-data": z.string().min(1),
});
const kubeconfig = z.object({ clusters: z.array(z.object({ cluster })).min(1) });

/** What Resource Manager answers: the kubeconfig in base64. */
function carrying(config: Json): Json {
  return { kubeconfigs: [{ name: "clusterUser", value: Buffer.from(JSON.stringify(config)).toString("base64") }] };
}

/** Half of the time what is spoiled lies inside: the answer is good, and what it carries is not. */
function spoil(random: Random): Spoiled {
  if (random.chance(0.5)) return spoilAnswer(random, { status: 200, body: carrying(KUBECONFIG) }, []);
  const config = changeValue(random, random.pick(VALUE_KINDS), KUBECONFIG, () => oddText(random));
  return { kind: "carried", answer: toWireAnswer({ status: 200, body: carrying(config) }) };
}

/** A cluster is reached only where the answer names its address, over https, and whom to trust there. */
function checkReached(spoiled: Spoiled): void {
  if ("error" in spoiled) throw new Error("a cluster out of no answer");
  const { kubeconfigs } = credentials.parse(JSON.parse(spoiled.answer.body.toString("utf8").replace(/^\ufeff/, "")));
  const carried = Buffer.from(kubeconfigs[0]?.value ?? "", "base64").toString("utf8");
  kubeconfig.parse(parseYaml(carried, { logLevel: "error" }));
}

export function aksQuestion(server: HostileServer): Question {
  return {
    name: "a cluster's address",
    ask: async (random) => {
      const spoiled = spoil(random);
      answerWith(server, spoiled);
      const access = createAksAccess({ subscriptionId: SUBSCRIPTION, endpoint: server.url, credential: CREDENTIAL });
      const met = await meet(access({ resourceGroup: "models", name: "models" }));
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      try {
        checkReached(spoiled);
        return { spoiled, became: "reached" };
      } catch (error) {
        throw new Error(`${show(spoiled)} was taken for a cluster: ${error}`, { cause: error });
      }
    },
  };
}
