// Command bench measures what people wait for and pay for: a cold build, the size of the binary, the time from start to
// ready, the memory of an idle server with its telemetry engine, and the Go benchmarks. It prints medians beside what we
// aim for on two cores, and fails when an aim is missed by more than half.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("runs", 5, "starts to take the median of")
	cold := flag.Bool("cold", true, "build with an empty cache; takes minutes")
	idle := flag.Duration("idle", 30*time.Second, "how long a server is idle before its memory is read")
	goBench := flag.Bool("go", true, "run the Go benchmarks")
	flag.Parse()
	b := bench{runs: *runs, idle: *idle}
	if err := b.run(context.Background(), *cold, *goBench); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if b.missed {
		os.Exit(1)
	}
}

type bench struct {
	runs   int
	idle   time.Duration
	binary string
	missed bool
}

func (b *bench) run(ctx context.Context, cold, goBench bool) error {
	tmp, err := os.MkdirTemp("", "nightkeeper-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b.binary = filepath.Join(tmp, "nightkeeper")
	if err := b.build(ctx, tmp, cold); err != nil {
		return err
	}
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.line("binary, stripped", float64(info.Size())/(1<<20), "MB", 70)
	if err := b.starts(ctx, tmp); err != nil {
		return err
	}
	if !goBench {
		return nil
	}
	fmt.Println()
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1s", "-count", "3", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	for l := range strings.Lines(string(out)) {
		if strings.HasPrefix(l, "Benchmark") || strings.HasPrefix(l, "pkg:") || strings.HasPrefix(l, "FAIL") {
			fmt.Print(l)
		}
	}
	return err
}

// line prints a measurement with its aim.
func (b *bench) line(what string, got float64, unit string, aim float64) {
	mark := "ok"
	switch {
	case got > 1.5*aim:
		mark, b.missed = "MISSED", true
	case got > aim:
		mark = "over"
	}
	fmt.Printf("%-40s %9.2f %-3s  aim %g %s  %s\n", what, got, unit, aim, unit, mark)
}

// build builds the binary as make build does, with an empty cache when cold.
func (b *bench) build(ctx context.Context, tmp string, cold bool) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", b.binary, "./cmd/nightkeeper")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if cold {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(tmp, "cache"))
	}
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if cold {
		wall := time.Since(began)
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		b.line("cold build, wall", wall.Seconds(), "s", 180)
		fmt.Printf("%-40s %9.2f s\n", "cold build, processor", cpu.Seconds())
	}
	return nil
}

// starts measures a server several times, each in a directory of its own.
func (b *bench) starts(ctx context.Context, tmp string) error {
	var first, again, server, engine []float64
	for i := range b.runs {
		dir := filepath.Join(tmp, "data"+strconv.Itoa(i))
		idle := time.Duration(0)
		if i == b.runs-1 {
			idle = b.idle // the memory is read once, after a while
		}
		s, err := b.start(ctx, dir, 0)
		if err != nil {
			return err
		}
		first = append(first, s.ready.Seconds())
		if s, err = b.start(ctx, dir, idle); err != nil {
			return err
		}
		again = append(again, s.ready.Seconds())
		if idle > 0 {
			server, engine = append(server, s.server), append(engine, s.engine)
		}
	}
	b.line("start to ready, empty directory", median(first), "s", 2)
	b.line("start to ready, again", median(again), "s", 2)
	fmt.Printf("%-40s %9.2f MB\n", "memory of the server", median(server))
	fmt.Printf("%-40s %9.2f MB\n", "memory of the telemetry engine", median(engine))
	b.line(fmt.Sprintf("memory after %s idle", b.idle), median(server)+median(engine), "MB", 200)
	return nil
}

// started is one start of a server.
type started struct {
	ready          time.Duration
	server, engine float64 // resident memory in MB
}

// start starts a server, waits until it is ready and the telemetry engine answers, and stops it.
func (b *bench) start(ctx context.Context, data string, idle time.Duration) (s started, err error) {
	addr, err := freeAddr()
	if err != nil {
		return s, err
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return s, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, b.binary, "serve", "--data", data, "--catalog", "docs/examples/catalog",
		"--http", addr, "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0")
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	defer func() {
		err = errors.Join(err, stop(cmd))
	}()
	if err := wait(ctx, "http://"+addr+"/readyz"); err != nil {
		text, _ := os.ReadFile(log.Name()) // it only says more
		return s, fmt.Errorf("%w\n%s", err, text)
	}
	s.ready = time.Since(began)
	if idle == 0 {
		return s, nil
	}
	time.Sleep(idle)
	s.server = resident(cmd.Process.Pid)
	for _, pid := range children(cmd.Process.Pid) {
		s.engine += resident(pid)
	}
	return s, nil
}

func stop(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return cmd.Wait()
}

// wait asks an address until it answers with success.
func wait(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // only the status counts
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the server did not become ready within a minute")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// resident returns the memory of a process in MB, 0 where there is no /proc.
func resident(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}

// children returns the processes whose parent is pid.
func children(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var out []int
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// After the command in parentheses come the state and the parent.
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(f) < 2 || f[1] != strconv.Itoa(pid) {
			continue
		}
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			out = append(out, n)
		}
	}
	return out
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	if n := len(xs); n%2 == 0 {
		return (xs[n/2-1] + xs[n/2]) / 2
	}
	return xs[len(xs)/2]
}
