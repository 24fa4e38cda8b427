import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigurationError } from "../../shared/config/configuration-error.ts";
import { checkEnvironment } from "../../shared/config/environment.ts";
import { checkLocalSettings } from "../../shared/config/local-settings.ts";
import { SETTING_NAMES } from "../../shared/config/settings.ts";

const SAMPLE: unknown = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../local.settings.sample.json"), "utf8"),
);

describe("the sample", () => {
  test("names every setting, and nothing else", () => {
    const { Values } = z.object({ Values: z.record(z.string(), z.string()) }).parse(SAMPLE);
    expect(Object.keys(Values)).toEqual(SETTING_NAMES);
  });

  test("is taken with a secret of one's own, and only so: everybody knows the sample's", () => {
    const values = checkLocalSettings(SAMPLE);
    const { problems } = new ConfigurationError(checkEnvironment(values).problems);
    expect(problems).toMatchObject([{ where: "MLFLOW_WEBHOOK_SECRET" }]);
    const own = { ...values, MLFLOW_WEBHOOK_SECRET: "a secret of one's own" };
    expect(checkEnvironment(own).environment?.deliveryPolicy).toBe("delivery.yaml");
  });
});

describe("local.settings.json", () => {
  test.each([
    "AzureWebJobs.mlflow-webhook.Disabled",
    "AzureFunctionsJobHost__logging__logLevel__default",
    "ServiceBusConnection__clientId",
    "AzureWebJobsStorage__accountName",
  ])("may hold the host's own %s", (name) => {
    expect(checkLocalSettings({ Values: { [name]: "x" } })).toEqual({ [name]: "x" });
  });

  test.each([
    { values: { MLFLOW_WEBHOK_SECRET: "hunter2" }, message: "Write MLFLOW_WEBHOOK_SECRET." },
    { values: { azurewebjobsstorage: "hunter2" }, message: "Write AzureWebJobsStorage." },
    { values: { colour: "hunter2" }, message: "Remove it." },
    { values: { MLFLOW_TRACKING_URI: 5000 }, message: "Write it in quotation marks" },
  ])("refuses $values: $message", ({ values, message }) => {
    expect(() => checkLocalSettings({ Values: values })).toThrow(message);
    expect(() => checkLocalSettings({ Values: values })).not.toThrow("hunter2");
  });

  test("refuses unknown keys at its top, all together with those of its values", () => {
    const json = { Value: {}, Values: { A: "1", B: "2" }, Host: {} };
    expect(() => checkLocalSettings(json)).toThrow(
      /^3 problems[\s\S]*local\.settings\.json Value\n[\s\S]*Write Values\./,
    );
  });

  test.each([null, [], "text", {}, { Values: [] }])("refuses %j", (json) => {
    expect(() => checkLocalSettings(json)).toThrow("a mapping with Values");
  });
});
