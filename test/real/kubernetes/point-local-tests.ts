import { inject } from "vitest";

// The stand-in's own tests and the kubelet's ask the real control plane instead.
const { adminFile } = inject("controlPlane");
process.env["KUBERNETES_TEST_KUBECONFIG"] = adminFile;
process.env["KUBELET_TEST_KUBECONFIG"] = adminFile;
process.env["KUBELET_TEST_POD_NETWORK"] = "10.244.0.0/16";
