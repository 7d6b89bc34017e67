package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// starts measures a server several times, each in a directory of its own.
func (b *bench) starts(ctx context.Context, tmp string) error {
	var first, again []float64
	for i := range b.runs {
		dir := filepath.Join(tmp, "data"+strconv.Itoa(i))
		s, err := b.serve(ctx, dir, "docs/examples/catalog")
		if err != nil {
			return err
		}
		first = append(first, s.took.Seconds())
		if err := s.stop(); err != nil {
			return err
		}
		if s, err = b.serve(ctx, dir, "docs/examples/catalog"); err != nil {
			return err
		}
		again = append(again, s.took.Seconds())
		if i == b.runs-1 { // the memory is read once, after a while
			time.Sleep(b.idle)
			own, engine := s.memory()
			fmt.Printf("%-40s %9.2f MB\n", "memory of the server", own)
			fmt.Printf("%-40s %9.2f MB\n", "memory of the telemetry engine", engine)
			b.line(fmt.Sprintf("memory after %s idle", b.idle), own+engine, "MB", 200)
		}
		if err := s.stop(); err != nil {
			return err
		}
	}
	b.line("start to ready, empty directory", median(first), "s", 2)
	b.line("start to ready, again", median(again), "s", 2)
	return nil
}

// server is a program under measurement.
type server struct {
	cmd   *exec.Cmd
	url   string
	token string
	took  time.Duration // from start to ready
}

// serve starts the program with a directory of its own and returns when it is ready.
func (b *bench) serve(ctx context.Context, data, catalog string, args ...string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args = append([]string{"serve", "--data", data, "--catalog", catalog, "--http", addr, "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"}, args...)
	s := &server{cmd: exec.CommandContext(ctx, b.binary, args...), url: "http://" + addr}
	s.cmd.Stderr = log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := wait(ctx, s.url+"/readyz"); err != nil {
		text, _ := os.ReadFile(log.Name()) // it only says more
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, text), s.stop())
	}
	s.took = time.Since(began)
	token, err := os.ReadFile(filepath.Join(data, "cli-token"))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.token = strings.TrimSpace(string(token))
	return s, nil
}

// stop ends the program as an operator does.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// memory is what the program and those that it started hold, in MB.
func (s *server) memory() (own, children float64) {
	for _, pid := range childrenOf(s.cmd.Process.Pid) {
		children += resident(pid)
	}
	return resident(s.cmd.Process.Pid), children
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

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) []int {
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
