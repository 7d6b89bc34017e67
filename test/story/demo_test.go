package story

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/shop/demo"
)

// program builds nightkeeper once for all stories.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nightkeeper-story-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "nightkeeper")
	out, err := exec.Command("go", "build", "-o", bin, "nightkeeper/cmd/nightkeeper").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
})

// played is a demo that came to its end.
type played struct {
	demo.Result
	code    int
	kills   int
	actions []action // what was done to the shop, by its own record
	output  string
}

// action is one line of the shop's own record of what was done to it.
type action struct {
	What string `json:"what"`
	Key  string `json:"key"`
}

// play plays a scenario headless. The server is killed at random moments, as often as kills says, once the fault is there.
func play(t *testing.T, kills int, args ...string) played {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	admin := freeAddr(t)
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{"demo", "--headless", "--json", "--warmup", "30s", "--data", dir, "--shop-admin", admin}, args...)...)
	var out, progress bytes.Buffer
	lines := &lockedBuffer{b: &progress}
	cmd.Stdout, cmd.Stderr = &out, lines
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var p played
	var watch sync.WaitGroup
	watch.Go(func() { p.actions = follow(done, admin) })
	watch.Go(func() { p.kills = killer(t, done, lines, dir, kills) })
	err = cmd.Wait()
	close(done)
	watch.Wait()
	p.output = lines.String()
	if cmd.ProcessState != nil {
		p.code = cmd.ProcessState.ExitCode()
	}
	last := out.String()
	if i := strings.LastIndex(strings.TrimSpace(last), "\n"); i >= 0 {
		last = last[i+1:]
	}
	if jerr := json.Unmarshal([]byte(last), &p.Result); jerr != nil {
		t.Fatalf("last line is no result: %v (%v)\n%s\n%s", jerr, err, out.String(), p.output)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("killed %d times; exit code %d; result %s\n%s", p.kills, p.code, last, p.output)
		}
	})
	return p
}

// follow keeps the newest record of the shop's actions until done.
func follow(done <-chan struct{}, admin string) (out []action) {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return out
		case <-tick.C:
		}
		resp, err := http.Get("http://" + admin + "/actions")
		if err != nil {
			continue
		}
		var now []action
		if json.NewDecoder(resp.Body).Decode(&now) == nil {
			out = now
		}
		resp.Body.Close()
	}
}

// killer kills the server with SIGKILL at random moments after the fault.
func killer(t *testing.T, done <-chan struct{}, out *lockedBuffer, dir string, kills int) (n int) {
	wait := func(d time.Duration) bool {
		select {
		case <-done:
			return false
		case <-time.After(d):
			return true
		}
	}
	for n < kills {
		if !strings.Contains(out.String(), "FAULT:") {
			if !wait(200 * time.Millisecond) {
				return n
			}
			continue
		}
		if !wait(time.Duration(2+rand.IntN(12)) * time.Second) {
			return n
		}
		pid := serverOf(dir)
		if pid == 0 {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
			n++
			t.Logf("killed the server (%d of %d)", n, kills)
		}
	}
	return n
}

// serverOf finds the process that serves from the directory.
func serverOf(dir string) int {
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0
	}
	for _, f := range procs {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		args := strings.Split(string(b), "\x00")
		if len(args) > 1 && args[1] == "serve" && slices.Contains(args, filepath.Join(dir, "data")) {
			var pid int
			if _, err := fmt.Sscanf(f, "/proc/%d/cmdline", &pid); err == nil {
				return pid
			}
		}
	}
	return 0
}

// freeAddr returns an address below those that the system takes for outgoing connections: what is killed and started again
// must find it free.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free address on the loopback interface")
	return ""
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// one returns the only incident of a story.
func (p played) one(t *testing.T) demo.IncidentResult {
	t.Helper()
	if len(p.Incidents) != 1 {
		t.Fatalf("incidents: got %d, want 1", len(p.Incidents))
	}
	return p.Incidents[0]
}

// once checks that no remedy reached the shop twice: each request of a run has its own key.
func (p played) once(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range p.actions {
		if a.Key == "" {
			continue
		}
		if seen[a.Key] {
			t.Errorf("action %s with key %s was done twice", a.What, a.Key)
		}
		seen[a.Key] = true
	}
}

func TestBlackFridayEndsWithNobodyWokenThoughTheServerIsKilled(t *testing.T) {
	t.Parallel()
	p := play(t, 3, "--scenario", "black-friday")
	i := p.one(t)
	if p.code != 0 || i.Status != "resolved" {
		t.Errorf("the story ended with exit code %d and status %s, want 0 and resolved", p.code, i.Status)
	}
	if i.CauseService != "user-preferences-api" || i.CauseKind != "retry_storm" {
		t.Errorf("cause: got %s of %s", i.CauseKind, i.CauseService)
	}
	if len(p.Paged) != 0 {
		t.Errorf("paged %v, want nobody", p.Paged)
	}
	if p.ServicesSeen != 47 {
		t.Errorf("services seen: got %d, want 47", p.ServicesSeen)
	}
	if i.Runbook != "retry-storm" || i.RunbookOutcome != "succeeded" {
		t.Errorf("runbook %s %s, want retry-storm succeeded", i.Runbook, i.RunbookOutcome)
	}
	if p.Postmortem == "" || p.Experiment == "" {
		t.Errorf("postmortem %q and experiment %q, want both", p.Postmortem, p.Experiment)
	}
	if p.kills != 3 {
		t.Errorf("the server was killed %d times, want 3", p.kills)
	}
	p.once(t)
}

func TestBadDeployIsRolledBackWhenApprovedThoughTheServerIsKilled(t *testing.T) {
	t.Parallel()
	p := play(t, 2, "--scenario", "bad-deploy", "--approve")
	i := p.one(t)
	if p.code != 0 || i.Status != "resolved" || i.RunbookOutcome != "succeeded" {
		t.Errorf("exit code %d, status %s, run %s; want 0, resolved, succeeded", p.code, i.Status, i.RunbookOutcome)
	}
	if i.CauseService != "inventory-api" || i.CauseKind != "bad_deploy" {
		t.Errorf("cause: got %s of %s", i.CauseKind, i.CauseService)
	}
	if len(p.Paged) == 0 {
		t.Error("nobody was paged")
	}
	p.once(t)
}

func TestBadDeployEscalatesWhenNobodyApproves(t *testing.T) {
	t.Parallel()
	p := play(t, 0, "--scenario", "bad-deploy")
	i := p.one(t)
	if p.code != 1 || i.RunbookOutcome != "escalated" {
		t.Errorf("exit code %d, run %s; want 1, escalated", p.code, i.RunbookOutcome)
	}
	if len(p.Paged) < 2 {
		t.Errorf("paged %v, want the next person too", p.Paged)
	}
	for _, a := range p.actions {
		if strings.Contains(a.What, "rollback") {
			t.Error("rolled back without an approval")
		}
	}
}

func TestDataCorruptionIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	p := play(t, 1, "--scenario", "data-corruption")
	i := p.one(t)
	if i.CauseService != "ledger-api" || i.CauseKind != "data_corruption" {
		t.Errorf("cause: got %s of %s", i.CauseKind, i.CauseService)
	}
	if len(p.Paged) == 0 || i.Runbook != "" {
		t.Errorf("paged %v, runbook %q; want somebody and none", p.Paged, i.Runbook)
	}
	if p.code != 0 || i.Status != "resolved" {
		t.Errorf("exit code %d, status %s; want 0, resolved by the person", p.code, i.Status)
	}
	for _, a := range p.actions {
		if a.Key != "" {
			t.Errorf("automation touched it: %s", a.What)
		}
	}
}
