package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// containers runs servers by Docker, through testcontainers.
var containers = driver{
	name: "containers",
	refuses: func(k *component) error {
		if _, err := engine(); err != nil {
			return err
		}
		return k.image.available()
	},
	prepare: func(k *component, own bool) (machine, string, error) {
		c := &crate{image: k.image.name(), box: k.boxed(own)}
		if !own {
			return c, "image " + c.image, nil
		}
		// Docker gives a container another port each time it starts.
		c.front = newProxy("127.0.0.1:1")
		return c, "image " + c.image, c.front.Start()
	},
}

// image is the image of a component, which a variable can replace.
type image struct {
	variable string
	standard string
}

func (i image) name() string {
	if name := os.Getenv(i.variable); name != "" {
		return name
	}
	return i.standard
}

// available says whether the engine has the image or sees it in a registry, in a few
// seconds either way: networks that swallow packets must not hold up the tests.
func (i image) available() error {
	docker, err := engine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	if _, err := docker.ImageInspect(ctx, i.name()); err == nil {
		return nil
	}
	if _, err := docker.DistributionInspect(ctx, i.name(), client.DistributionInspectOptions{}); err != nil {
		return fmt.Errorf("the image %s is not here and cannot be fetched: %w", i.name(), err)
	}
	return nil
}

// engine is the Docker that answers, looked for once.
var engine = sync.OnceValues(func() (docker *testcontainers.DockerClient, err error) {
	defer func() {
		if p := recover(); p != nil { // so it is said that there is no socket
			err = fmt.Errorf("Docker is not here: %v", p)
		}
	}()
	// The guard tidies up; the image that testcontainers has for it may be out of reach.
	if _, err := exec.LookPath("docker"); err == nil {
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			return nil, err
		}
	}
	log.SetDefault(silence{})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	docker, err = testcontainers.NewDockerClientWithOpts(ctx)
	if err == nil {
		_, err = docker.Ping(ctx, client.PingOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("Docker does not answer: %w", err)
	}
	return docker, nil
})

// box is how a server is run in a container.
type box struct {
	port  string // as in 5432/tcp
	env   map[string]string
	argv  []string // the arguments of the image
	tmpfs string   // where what it stores may be in memory
}

// crate is a container with a server.
type crate struct {
	image string
	box   box
	front *toxiproxy.Proxy // what keeps the address, of a server of a test's own

	container *testcontainers.DockerContainer
	addr      string
	done      chan struct{}
}

func (c *crate) address() string {
	if c.front != nil {
		return c.front.Listen
	}
	return c.addr
}

func (c *crate) start(ctx context.Context) error {
	if err := c.startContainer(ctx); err != nil {
		return err
	}
	c.done = make(chan struct{})
	go c.watch(c.done)
	return c.find(ctx)
}

func (c *crate) startContainer(ctx context.Context) error {
	docker, err := engine()
	if err != nil {
		return err
	}
	if c.container != nil {
		_, err := docker.ContainerStart(ctx, c.container.GetContainerID(), client.ContainerStartOptions{})
		return err
	}
	options := []testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(c.box.port), testcontainers.WithEnv(c.box.env), testcontainers.WithCmd(c.box.argv...),
		testcontainers.WithLabels(map[string]string{"imgd-test": "rig"}),
	}
	if c.box.tmpfs != "" {
		options = append(options, testcontainers.WithTmpfs(map[string]string{c.box.tmpfs: "rw"}))
	}
	made, err := testcontainers.Run(ctx, c.image, options...)
	if made != nil {
		c.container = made
		err = errors.Join(err, atExit("docker rm -fv "+quoted(made.GetContainerID())+" >/dev/null 2>&1"))
	}
	return err
}

// watch closes done once the container no longer runs.
func (c *crate) watch(done chan<- struct{}) {
	defer close(done)
	docker, err := engine()
	if err != nil {
		return
	}
	w := docker.ContainerWait(context.Background(), c.container.GetContainerID(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-w.Result:
	case <-w.Error:
	}
}

// find learns where the server is to be reached now.
func (c *crate) find(ctx context.Context) error {
	docker, err := engine()
	if err != nil {
		return err
	}
	inspected, err := docker.ContainerInspect(ctx, c.container.GetContainerID(), client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	port, err := network.ParsePort(c.box.port)
	if err != nil {
		return err
	}
	if inspected.Container.NetworkSettings == nil {
		return errors.New("the container has no network")
	}
	bindings := inspected.Container.NetworkSettings.Ports[port]
	if len(bindings) == 0 {
		return nil // it has ended already, and its log says why
	}
	c.addr = c.reachable(ctx, bindings[0].HostPort)
	if c.front == nil {
		return nil
	}
	return c.front.Update(&toxiproxy.Proxy{Listen: c.front.Listen, Upstream: c.addr, Enabled: true})
}

// reachable prefers this machine to what testcontainers takes for the engine's: inside
// of a container that is a gateway, which need not be there.
func (c *crate) reachable(ctx context.Context, port string) string {
	local := net.JoinHostPort("127.0.0.1", port)
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", local)
	if err == nil {
		_ = conn.Close()
		return local
	}
	host, err := c.container.Host(ctx)
	if err != nil {
		return local
	}
	return net.JoinHostPort(host, port)
}

func (c *crate) signal(s syscall.Signal) error {
	docker, err := engine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id := c.container.GetContainerID()
	switch s {
	case syscall.SIGSTOP:
		_, err = docker.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	case syscall.SIGCONT:
		_, err = docker.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	case syscall.SIGQUIT:
		_, err = docker.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "QUIT"})
	default:
		_, _ = docker.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{}) // a frozen one cannot be killed
		_, err = docker.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"})
	}
	return err
}

func (c *crate) ended() <-chan struct{} { return c.done }

func (c *crate) log() string {
	if c.container == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := c.container.Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer out.Close() //nolint:errcheck // it was only read
	text, _ := io.ReadAll(out)
	return string(text[max(0, len(text)-4<<10):])
}

func (c *crate) cpu() (time.Duration, error) {
	docker, err := engine()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := docker.ContainerStats(ctx, c.container.GetContainerID(), client.ContainerStatsOptions{})
	if err != nil {
		return 0, err
	}
	defer r.Body.Close() //nolint:errcheck // it was only read
	var s container.StatsResponse
	err = json.NewDecoder(r.Body).Decode(&s)
	return time.Duration(s.CPUStats.CPUUsage.TotalUsage), err // #nosec G115 -- nanoseconds
}

func (c *crate) remove() {
	if c.front != nil {
		c.front.Stop()
	}
	docker, err := engine()
	if err != nil || c.container == nil {
		return
	}
	_ = c.signal(syscall.SIGKILL)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, _ = docker.ContainerRemove(ctx, c.container.GetContainerID(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}) // else the guard does
}

// silence is what testcontainers logs to.
type silence struct{}

func (silence) Printf(string, ...any) {}
