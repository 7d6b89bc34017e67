package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a child that is started again when it dies, until it is stopped.
type process struct {
	name string
	argv []string
	env  []string
	out  io.Writer

	mu     sync.Mutex
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{}
	starts int
}

// start starts the child and watches it.
func (p *process) start(ctx context.Context) error {
	ctx, p.cancel = context.WithCancel(ctx)
	p.done = make(chan struct{})
	cmd, err := p.spawn()
	if err != nil {
		return err
	}
	go func() {
		defer close(p.done)
		for {
			err := cmd.Wait()
			if ctx.Err() != nil {
				return
			}
			fmt.Fprintf(p.out, "%s ended (%v); starting it again\n", p.name, err)
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			next, err := p.spawn()
			if err != nil {
				fmt.Fprintf(p.out, "%s cannot be started: %v\n", p.name, err)
				return
			}
			cmd = next
		}
	}()
	return nil
}

func (p *process) spawn() (*exec.Cmd, error) {
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.out, p.out
	// A child must not outlive the demo, nor get its Ctrl-C before the demo has said goodbye.
	cmd.SysProcAttr = childAttr()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.mu.Lock()
	p.cmd = cmd
	p.starts++
	p.mu.Unlock()
	return cmd, nil
}

// stop asks the child to end and makes it when it does not.
func (p *process) stop() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.mu.Lock()
	proc := p.cmd.Process
	p.mu.Unlock()
	_ = proc.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = proc.Kill()
		<-p.done
	}
}

// Ports that the system gives to nobody by itself: it takes those of outgoing connections, of which the shop has hundreds,
// from above. One of them may not be free any more when a server is started, or started again.
const (
	lowPort  = 12_000
	highPort = 32_000
)

// freeAddr returns a loopback address that nobody listens on at the moment; the wanted one when it is free.
func freeAddr(want string) (string, error) {
	for try := range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", lowPort+rand.IntN(highPort-lowPort))
		if try == 0 && want != "" {
			addr = want
		}
		l, err := net.Listen("tcp", addr)
		if err == nil {
			got := l.Addr().String()
			return got, l.Close()
		}
	}
	return "", fmt.Errorf("no free address on the loopback interface")
}
