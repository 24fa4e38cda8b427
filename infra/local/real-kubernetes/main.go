// Package main is a Kubernetes control plane, kubectl and the private network they run in, in one binary: the first
// argument says which part runs. The parts are the unchanged ones of their projects; one binary, because they share
// nearly all of their code.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"golang.org/x/sys/unix"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const usage = `usage: control-plane etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubectl [flags]
       control-plane private-network COMMAND [ARGUMENT...]`

// What the binary calls itself with; nobody else does.
const insidePrivateNetwork = "inside-private-network"

var servers = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 {
		refuse()
	}
	// Every part reads its own flags from os.Args.
	part := os.Args[1]
	os.Args = os.Args[1:]

	switch part {
	case "private-network", insidePrivateNetwork:
		if len(os.Args) < 2 {
			refuse()
		}
		if part == insidePrivateNetwork {
			os.Exit(runInside(os.Args[1:]))
		}
		os.Exit(enterPrivateNetwork(os.Args[1:]))
	case "kubectl":
		util.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	case "etcd":
		endWithParent()
		etcdmain.Main(os.Args)
	default:
		server, known := servers[part]
		if !known {
			refuse()
		}
		endWithParent()
		os.Exit(cli.Run(server()))
	}
}

// endWithParent has the kernel kill this process when whoever started it dies, in whatever way.
func endWithParent() {
	// It stays with the thread that asked for it, and the main one lives for as long as the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func refuse() {
	fmt.Fprintln(os.Stderr, usage)
	os.Exit(2)
}
