package story

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
)

// process is a real nightkeeper that may be killed and started again.
type process struct {
	t                *testing.T
	data, catalog    string
	flags            []string // more of serve
	http, grpc, otlp string
	cmd              *exec.Cmd
	log              apptest.Log
	ended            chan struct{}
	api              *apptest.Client
}

func newProcess(t *testing.T, files apptest.Files) *process {
	t.Helper()
	p := &process{t: t, data: filepath.Join(lastingDir(t), "data"), catalog: t.TempDir(), http: freeAddr(t), grpc: freeAddr(t), otlp: freeAddr(t)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.catalog, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of the program:\n%s", &p.log)
		}
	})
	return p
}

// lastingDir is a directory that is removed when the children of a killed program have ended too: they notice a moment
// later.
func lastingDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nightkeeper-story-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(apptest.Patience); os.RemoveAll(dir) != nil; {
			if time.Now().After(end) {
				t.Errorf("%s cannot be removed", dir)
				return
			}
		}
	})
	return dir
}

// start runs the program and waits until it answers.
func (p *process) start() {
	p.t.Helper()
	bin, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(bin, "serve", "--data", p.data, "--catalog", p.catalog, "--http", p.http, "--otlp-grpc", p.grpc, "--otlp-http", p.otlp, "--allow-outgoing", "127.0.0.0/8")
	p.cmd.Args = append(p.cmd.Args, p.flags...)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // killed
		close(ended)
	}(p.cmd, p.ended)
	anybody := apptest.NewClient(p.t, "http://"+p.http, "")
	p.eventually("the program is ready", func() bool {
		a, err := anybody.Do(http.MethodGet, "/readyz", nil)
		return err == nil && a.Status == http.StatusOK
	})
	token, err := os.ReadFile(filepath.Join(p.data, "cli-token"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.api = apptest.NewClient(p.t, "http://"+p.http, strings.TrimSpace(string(token)))
}

// kill ends the program as kill -9 does, and waits for its end.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
	p.cmd = nil
}

func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), apptest.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("%s: not within %s", what, apptest.Patience)
		}
	}
}

func (p *process) outage(service string) {
	p.t.Helper()
	if status := apptest.Send(p.t, p.otlp, "/v1/traces", apptest.Spans(service, 140, 70*time.Second, true)); status != http.StatusOK {
		p.t.Fatalf("spans were answered with %d", status)
	}
}
