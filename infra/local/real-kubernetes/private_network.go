package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Every address of these is this machine's own inside of the private network: the pods' and the services'.
var localNetworks = []string{"10.244.0.0/16", "10.96.0.0/16"}

const refused = `This machine does not let this user make a network of its own (%v).
The real control plane needs one, so that every pod has an address. What may help, as an administrator:
  sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu from 23.10 on)
  docker run --security-opt seccomp=unconfined               (in a container)
`

// enterPrivateNetwork runs this binary again in a user and a network namespace of its own, which ends with it, and
// returns the exit code. A process of many threads, as every Go process is, cannot move there by itself.
func enterPrivateNetwork(command []string) int {
	// The child is ended with the thread that started it.
	runtime.LockOSThread()
	child := exec.Command("/proc/self/exe", append([]string{insidePrivateNetwork}, command...)...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := child.Start(); err != nil {
		fmt.Fprintf(os.Stderr, refused, err)
		return 1
	}
	forwardSignals(child.Process)
	if err := child.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return exitCode(exit)
	}
	return 0
}

func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// A terminal sends Ctrl-C to both; whoever signals this process alone means the other.
func forwardSignals(child *os.Process) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for received := range signals {
			if received == syscall.SIGTERM {
				_ = child.Signal(received)
			}
		}
	}()
}

// runInside makes the addresses local and becomes the command; it returns only when that fails.
func runInside(command []string) int {
	if err := makeLocal(localNetworks); err != nil {
		fmt.Fprintf(os.Stderr, refused, err)
		return 1
	}
	program, err := exec.LookPath(command[0])
	if err == nil {
		err = unix.Exec(program, command, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", command[0], err)
	return 127
}

func makeLocal(networks []string) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	for _, network := range networks {
		_, destination, err := net.ParseCIDR(network)
		if err != nil {
			return err
		}
		route := netlink.Route{
			LinkIndex: loopback.Attrs().Index,
			Dst:       destination,
			Type:      unix.RTN_LOCAL,
			Table:     unix.RT_TABLE_LOCAL,
			Scope:     netlink.SCOPE_HOST,
		}
		if err := netlink.RouteAdd(&route); err != nil {
			return fmt.Errorf("route to %s: %w", network, err)
		}
	}
	return nil
}
