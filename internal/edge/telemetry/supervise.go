package telemetry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
	settled      = 30 * time.Second // a child that lived so long starts the back-off anew
	pingEvery    = 10 * time.Second
	pingTimeout  = 10 * time.Second
	maxSilence   = 3 // pings without an answer before the child is killed
)

// supervise keeps a child running until ctx ends.
func (h *Host) supervise(ctx context.Context) {
	backoff := firstBackoff
	for n := 0; ctx.Err() == nil; n++ {
		if n > 0 {
			h.mu.Lock()
			h.health.Restarts++
			h.mu.Unlock()
		}
		began := time.Now()
		err := h.runOnce(ctx)
		h.setReady(false, 0)
		if ctx.Err() != nil {
			return
		}
		h.noteError(err.Error())
		if time.Since(began) > settled {
			backoff = firstBackoff
		}
		wait(ctx, backoff)
		backoff = min(2*backoff, lastBackoff)
	}
}

// runOnce runs one child until it ends. The error says why it did; there always is one unless ctx ended.
func (h *Host) runOnce(ctx context.Context) error {
	cmd := exec.Command(h.cfg.Command[0], append(h.cfg.Command[1:len(h.cfg.Command):len(h.cfg.Command)],
		"--dir", h.cfg.Dir,
		"--socket", h.socket,
		"--retention", h.cfg.Retention.String(),
		"--max-bytes", strconv.FormatInt(h.cfg.MaxBytes, 10),
		"--min-free-bytes", strconv.FormatInt(h.cfg.MinFreeBytes, 10),
		"--memory-bytes", strconv.FormatInt(h.cfg.MemoryBytes, 10),
	)...)
	cmd.Env = append(harmless(os.Environ()), h.cfg.Env...)
	var lastWords tail
	cmd.Stderr = &lastWords
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe() // the child lives as long as this pipe is open, so it cannot outlive us
	if err != nil {
		return fmt.Errorf("start telemetry engine: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start telemetry engine: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start telemetry engine: %w", err)
	}

	stop := context.AfterFunc(ctx, func() { _ = stdin.Close() })
	defer stop()
	h.mu.Lock()
	h.health.PID = cmd.Process.Pid
	h.mu.Unlock()

	watching, endWatch := context.WithCancel(ctx)
	said := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(said)
		h.catch("reader", func() { h.listen(stdout, cmd.Process.Pid) })
	}()
	go func() {
		defer close(watched)
		h.catch("watch", func() { h.watch(watching, cmd.Process) })
	}()
	<-said // the child's output ends with the child; Wait must not be called before it was read
	err = cmd.Wait()
	endWatch()
	<-watched
	h.client.close()
	if text := lastWords.summary(); text != "" {
		return errors.New(text)
	}
	if err != nil {
		return fmt.Errorf("telemetry engine ended: %w", err)
	}
	return errors.New("telemetry engine ended")
}

// listen reads what a child says until it ends.
func (h *Host) listen(stdout io.Reader, pid int) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if lines.Text() == readyLine {
			h.setReady(true, pid)
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
}

// watch kills a child that is alive but does not answer.
func (h *Host) watch(ctx context.Context, p *os.Process) {
	silent := 0
	for {
		wait(ctx, pingEvery)
		if ctx.Err() != nil {
			return
		}
		if !h.Ready() {
			continue // opening a large store takes its time
		}
		ping, cancel := context.WithTimeout(ctx, pingTimeout)
		err := h.client.ping(ping)
		cancel()
		if err == nil {
			silent = 0
			continue
		}
		if silent++; silent >= maxSilence && ctx.Err() == nil {
			h.cfg.Log.Error("telemetry engine does not answer, killing it", "error", err)
			_ = p.Kill()
			return
		}
	}
}

func (h *Host) kill() {
	h.mu.Lock()
	pid := h.health.PID
	h.mu.Unlock()
	if pid == 0 {
		return
	}
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

func (h *Host) setReady(ready bool, pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.health.PID = pid
	if h.health.Ready == ready {
		return
	}
	h.health.Ready, h.health.Since = ready, time.Now()
	close(h.changed)
	h.changed = make(chan struct{})
}

// tail keeps the first and the last words of a child on its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 16 << 10

// Write keeps p and forgets the middle of what is too long.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:tailBytes/2], t.text[tailBytes/2+over:]...)
	}
	return len(p), nil
}

// summary is the line that says why the child died, if there is one.
func (t *tail) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(string(t.text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "telemetry-engine:") {
			return line
		}
	}
	return ""
}

// harmless returns the part of the environment that a child of the engine may see: no passwords and no tokens.
func harmless(env []string) []string {
	var out []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "TZ", "LANG", "GOCOVERDIR", "GODEBUG", "GOGC", "GOTRACEBACK":
			out = append(out, v)
		}
	}
	return out
}
