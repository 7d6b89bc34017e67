package alertmanager_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peer finds a program of Debian's packages prometheus and prometheus-alertmanager.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s found: install Debian's prometheus and prometheus-alertmanager", name)
	}
	return path
}

// patience is how long a peer may take.
const patience = 60 * time.Second

// TestPrometheusFiresAndResolves runs a real Prometheus with a rule that fires, and then with one that does not.
func TestPrometheusFiresAndResolves(t *testing.T) {
	path := peer(t, "prometheus")
	w := newWorld(t, nil)
	target, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy, seen := httputil.NewSingleHostReverseProxy(target), make(chan int, 100)
	proxy.ModifyResponse = func(r *http.Response) error {
		select {
		case seen <- r.StatusCode:
		default:
		}
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)

	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules := func(expr string) {
		write("rules.yml", "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: Down\n    expr: "+expr+
			"\n    labels: {service: checkout, severity: critical}\n    annotations: {summary: checkout is down}\n")
	}
	rules("vector(1) > 0")
	write("prometheus.yml", "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - path_prefix: /alertmanager\n"+
		"    authorization: {credentials: s3cret}\n    static_configs: [{targets: ["+strings.TrimPrefix(front.URL, "http://")+"]}]\n")
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", said.String())
		}
	})

	// until looks at what fires each time that Prometheus has posted.
	until := func(what string, ok func() bool) {
		t.Helper()
		over := time.After(patience)
		for !ok() {
			select {
			case status := <-seen:
				if status != http.StatusOK {
					t.Fatalf("%s: Prometheus got %d", what, status)
				}
			case err := <-ended:
				ended <- err
				t.Fatalf("%s: Prometheus ended: %v", what, err)
			case <-over:
				t.Fatalf("%s: not within %s", what, patience)
			}
		}
	}
	until("it fires", func() bool { return len(w.firing()) == 1 })
	a := w.firing()[0]
	if a.Labels["alertname"] != "Down" || a.Service != "checkout" || a.Severity != "SEV1" || a.Integration != "prom" || a.Title != "checkout is down" || !strings.Contains(a.URL, "/graph?g0.expr=") {
		t.Errorf("%+v", a)
	}
	until("it is repeated", func() bool { as := w.firing(); return len(as) == 1 && as[0].Count > 0 })
	rules("vector(1) > 2")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until("it is resolved", func() bool { return len(w.firing()) == 0 })
}

// TestAmtool runs the real amtool: it lists alerts, and adds, queries, updates and expires silences.
func TestAmtool(t *testing.T) {
	path := peer(t, "amtool")
	w := newWorld(t, nil)
	at := strings.Replace(w.url, "http://", "http://amtool:am@", 1) + "/alertmanager"
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), path, append([]string{"--alertmanager.url=" + at}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("amtool %v: %v\n%s%s", args, err, out, said.String())
		}
		return string(out)
	}
	run("alert", "add", "Down", "service=checkout", "--annotation=summary=it is down")
	w.post(`[{"labels":{"alertname":"Slow","service":"search"}}]`)
	if out := run("alert", "query"); !strings.Contains(out, "Down") || !strings.Contains(out, "Slow") {
		t.Errorf("alert query:\n%s", out)
	}
	if out := run("alert", "query", "service=search"); strings.Contains(out, "Down") || !strings.Contains(out, "Slow") {
		t.Errorf("alert query service=search:\n%s", out)
	}
	id := strings.TrimSpace(run("silence", "add", "alertname=~Do.n", "--author=mira", "--comment=known", "--duration=1h"))
	if out := run("silence", "query", "alertname=~Do.n"); !strings.Contains(out, id) || !strings.Contains(out, "mira") {
		t.Errorf("silence query:\n%s", out)
	}
	if out := run("alert", "query"); strings.Contains(out, "Down") || !strings.Contains(out, "Slow") {
		t.Errorf("a silenced alert is listed:\n%s", out)
	}
	if out := run("alert", "query", "--silenced", "--output=json"); !strings.Contains(out, id) {
		t.Errorf("alert query --silenced:\n%s", out)
	}
	if out := run("silence", "update", "--duration=2h", "--comment=longer", id); !strings.Contains(out, "longer") {
		t.Errorf("silence update:\n%s", out)
	}
	var found []struct{ ID string }
	if err := json.Unmarshal([]byte(run("silence", "query", "--output=json")), &found); err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	run("silence", "expire", found[0].ID)
	if out := run("silence", "query", "--quiet"); strings.TrimSpace(out) != "" {
		t.Errorf("after it was ended: %s", out)
	}
	if out := run("alert", "query"); !strings.Contains(out, "Down") {
		t.Errorf("after its silence was ended:\n%s", out)
	}
	if out := run("config", "show"); !strings.Contains(out, "shop") {
		t.Errorf("config show:\n%s", out)
	}
	if out := run("config", "routes"); !strings.Contains(out, "nobody") {
		t.Errorf("config routes:\n%s", out)
	}
	if out := run("cluster", "show"); !strings.Contains(out, "disabled") {
		t.Errorf("cluster show:\n%s", out)
	}
}
