package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"nightkeeper/internal/edge/intake/gate"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/prevent"
)

// world is a gate with one service, checkout, whose budget can be spent.
type world struct {
	*testing.T
	*prevent.Service
	url    string
	detect *detect.Service
	db     *store.DB
}

const objective = "checkout-availability"

func newWorld(t *testing.T, dsn string, patience time.Duration) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c := &catalog.Catalog{
		Hash: "c0ffee", Services: map[string]*catalog.Service{"checkout": {Meta: catalog.Meta{Name: "checkout"}}},
		SLOs:    map[string]*catalog.SLO{objective: {Meta: catalog.Meta{Name: objective}, Service: "checkout", Target: 0.995, Window: 28 * 24 * time.Hour}},
		Budgets: map[string]*catalog.BudgetPolicy{"standard": {Meta: catalog.Meta{Name: "standard"}, Allow: []string{"security"}}},
	}
	get := func() *catalog.Catalog { return c }
	w := &world{T: t, db: storetest.Open(t, dsn)}
	w.detect = detect.New(detect.Config{Store: w.db.Detect(), Catalog: get, Related: func(string) []string { return nil }, At: func(a string) string { return a }, Log: log})
	w.Service = prevent.New(prevent.Config{Store: w.db.Prevent(), Catalog: get, Detect: w.detect, Now: time.Now, Log: log, Patience: patience})
	now := time.Now()
	w.detect.Ledger(objective).Add(now.Add(-30*24*time.Hour), 1, 1)
	w.detect.Ledger(objective).Add(now, 10_000, 10_000)
	who := func(_ context.Context, secret string) (door.Caller, error) {
		if secret != "nk_ci" && secret != "nk_sender" {
			return door.Caller{}, errs.New(errs.Denied, "the token is not valid")
		}
		return door.Caller{May: func(string) bool { return secret == "nk_ci" }}, nil
	}
	srv := httptest.NewServer(gate.New(gate.Config{Who: who, Prevent: w.Service, Now: time.Now, Log: log}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// patient is for tests in which nothing hangs: a slow machine is no reason for another answer.
func patient(t *testing.T) *world {
	t.Helper()
	return newWorld(t, storetest.SQLite(t), time.Minute)
}

// spend loses three times the budget of a window.
func (w *world) spend() { w.detect.Ledger(objective).Add(time.Now(), 0, 160) }

// send makes a request and returns the status and the body.
func (w *world) send(method, at, auth string, body any) (int, string, http.Header) {
	w.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, at, in)
	if err != nil {
		w.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b)), resp.Header
}

// example reads a file of the docs: what people copy is what is tested here.
func example(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("../../../../docs/examples/gate/" + name)
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// here returns an address of the docs at the server of the test.
func (w *world) here(address string) string {
	w.Helper()
	address = strings.NewReplacer("{{args.service}}", "checkout", "TOKEN", "nk_ci").Replace(address)
	u, err := url.Parse(address)
	if err != nil {
		w.Fatal(err)
	}
	srv, err := url.Parse(w.url)
	if err != nil {
		w.Fatal(err)
	}
	u.Scheme, u.Host = srv.Scheme, srv.Host
	return u.String()
}

func TestPlain(t *testing.T) {
	w := patient(t)
	f := func(path, auth string, want int, says string) http.Header {
		t.Helper()
		status, said, h := w.send("GET", w.url+"/gate/plain/"+path, auth, nil)
		if status != want || !strings.Contains(said, says) || strings.Contains(said, "\n") {
			t.Errorf("%s: %d %s, want %d %s", path, status, said, want, says)
		}
		return h
	}
	h := f("checkout?sha=1f2e3d4", "Bearer nk_ci", 200, "allow: no freeze")
	vs, err := w.Verdicts(t.Context(), 9)
	if err != nil || len(vs) != 1 || vs[0].ID != h.Get("Nightkeeper-Decision") || vs[0].SHA != "1f2e3d4" || !vs[0].Allowed {
		t.Errorf("%+v %v", vs, err)
	}
	f("nothing", "Bearer nk_ci", 503, "unknown: there is no service")
	f("nothing?on_unknown=allow", "Bearer nk_ci", 200, "unknown: there is no service")
	f("nothing?on_unknown=perhaps", "Bearer nk_ci", 400, "it must be allow or block")
	f("checkout?change=yolo", "Bearer nk_ci", 400, "it must be feature, rollback")
	f("checkout", "", 401, "a token with the scope read or gate is required")
	f("checkout", "Bearer guess", 401, "not valid")
	f("checkout", "Bearer nk_sender", 401, "scope read or gate")
	w.spend()
	f("checkout", "Bearer nk_ci", 403, "if nothing more burns")
	f("checkout?change=security", "Bearer nk_ci", 200, "allows a security change")
}

// Argo Rollouts asks with a web metric. A status other than 2xx is an error, which it forgives four times; the conditions
// of the template are about the body, and a result that is neither pauses the rollout.
func TestArgoRollouts(t *testing.T) {
	w := patient(t)
	var template struct {
		Spec struct {
			Metrics []struct {
				Success  string `yaml:"successCondition"`
				Failure  string `yaml:"failureCondition"`
				Provider struct {
					Web struct {
						URL      string
						JSONPath string `yaml:"jsonPath"`
						Headers  []struct{ Key, Value string }
					}
				}
			}
		}
	}
	example(t, "argo-rollouts.yaml", &template)
	metric := template.Spec.Metrics[0]
	web := metric.Provider.Web
	if web.JSONPath != "{$}" || web.Headers[0].Key != "Authorization" {
		t.Fatalf("%+v", web)
	}
	measure := func(service string) string {
		t.Helper()
		at := strings.Replace(web.URL, "{{args.service}}", service, 1)
		status, said, _ := w.send("GET", w.here(at), strings.Replace(web.Headers[0].Value, "{{args.token}}", "nk_ci", 1), nil)
		if status < 200 || status > 299 {
			return "Error"
		}
		var result map[string]any
		if err := json.Unmarshal([]byte(said), &result); err != nil {
			t.Fatalf("%v in %s", err, said)
		}
		switch {
		case holds(t, metric.Failure, result):
			return "Failed"
		case holds(t, metric.Success, result):
			return "Successful"
		}
		return "Inconclusive"
	}
	if got := measure("checkout"); got != "Successful" {
		t.Errorf("budget left: %s", got)
	}
	if got := measure("nothing"); got != "Inconclusive" {
		t.Errorf("a service that nobody knows: %s", got)
	}
	w.spend()
	if got := measure("checkout"); got != "Failed" {
		t.Errorf("frozen: %s", got)
	}
	if status, _, _ := w.send("GET", w.url+"/gate/argo-rollouts/checkout", "Bearer guess", nil); status != 401 {
		t.Errorf("a wrong token: %d", status)
	}
	status, said, _ := w.send("POST", w.url+"/gate/argo-rollouts/checkout", "Bearer nk_ci", map[string]string{})
	var v prevent.Verdict
	if err := json.Unmarshal([]byte(said), &v); err != nil || status != 200 || v.Allowed || v.Decision != prevent.Blocked || v.ID == "" || v.LiftsAt.IsZero() || v.DataAge == nil || v.PolicyHash != "c0ffee" {
		t.Errorf("%d %s", status, said)
	}
}

// holds evaluates the two kinds of conditions that the template has.
func holds(t *testing.T, condition string, result map[string]any) bool {
	t.Helper()
	name, literal, compared := strings.Cut(condition, " == ")
	v := result[strings.TrimPrefix(name, "result.")]
	if compared {
		return v == strings.Trim(literal, `"`)
	}
	is, ok := v.(bool)
	if !ok {
		t.Fatalf("%s is %v", condition, v)
	}
	return is
}

// Flagger posts what it knows of the canary. A status over 202 holds it, and the body is the reason in its events; its
// token is in the address, since it sends no headers.
func TestFlagger(t *testing.T) {
	w := patient(t)
	var canary struct {
		Metadata struct{ Name string }
		Spec     struct {
			Analysis struct {
				Webhooks []struct {
					Name, Type, URL string
					Metadata        map[string]string
				}
			}
		}
	}
	example(t, "flagger.yaml", &canary)
	hooks := canary.Spec.Analysis.Webhooks
	call := func(at string, metadata map[string]string) (string, bool) {
		t.Helper()
		status, said, _ := w.send("POST", w.here(at), "", map[string]any{
			"name": canary.Metadata.Name, "namespace": "shop", "phase": "Waiting", "checksum": "85d557f47b", "metadata": metadata,
		})
		return said, status <= 202
	}
	if said, ok := call(hooks[0].URL, hooks[0].Metadata); !ok || !strings.HasPrefix(said, "allow: ") {
		t.Error(said)
	}
	if vs, err := w.Verdicts(t.Context(), 1); err != nil || len(vs) != 1 || vs[0].SHA != "85d557f47b" {
		t.Errorf("%+v %v", vs, err)
	}
	nobody := strings.Replace(hooks[0].URL, "flagger/checkout", "flagger/nothing", 1)
	if said, ok := call(nobody, nil); ok || !strings.HasPrefix(said, "unknown: ") {
		t.Error(said)
	}
	if said, ok := call(nobody, hooks[1].Metadata); !ok {
		t.Error(said)
	}
	w.spend()
	for _, h := range hooks {
		if h.Type != "confirm-rollout" && h.Type != "confirm-promotion" {
			t.Errorf("a webhook of type %s: 200 would not mean to go on", h.Type)
		}
		if said, ok := call(h.URL, h.Metadata); ok || !strings.HasPrefix(said, "blocked: ") || strings.Contains(said, "\n") {
			t.Errorf("%s: %s", h.Name, said)
		}
	}
	if said, ok := call(hooks[0].URL, map[string]string{"change": "security", "sha": "1f2e3d4"}); !ok {
		t.Error(said)
	}
	if status, said, _ := w.send("POST", w.url+"/gate/flagger/checkout", "Bearer nk_ci", []int{7}); status != 400 {
		t.Errorf("%d %s", status, said)
	}
}

// A store that hangs: somebody else holds what every answer needs, and it is let go after the gate has answered.
func TestStoreThatHangs(t *testing.T) {
	for _, d := range storetest.Databases() {
		t.Run(d.Name, func(t *testing.T) {
			dsn := d.DSN(t)
			w := newWorld(t, dsn, 300*time.Millisecond)
			if d.Name == "PostgreSQL" {
				tx, err := storetest.SQL(t, dsn).BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback() }() // what it holds is let go
				if _, err := tx.ExecContext(t.Context(), "lock table incidents in access exclusive mode"); err != nil {
					t.Fatal(err)
				}
			} else {
				held, leave, gone := make(chan struct{}), make(chan struct{}), make(chan error, 1)
				go func() {
					gone <- w.db.Update(context.Background(), func(*store.Tx) error {
						close(held)
						<-leave
						return nil
					})
				}()
				<-held
				defer func() {
					close(leave)
					if err := <-gone; err != nil {
						t.Error(err)
					}
				}()
			}
			status, said, _ := w.send("GET", w.url+"/gate/argo-rollouts/checkout?on_unknown=allow", "Bearer nk_ci", nil)
			var v prevent.Verdict
			if err := json.Unmarshal([]byte(said), &v); err != nil || status != 200 || v.Decision != prevent.Unknown || !v.Allowed || v.ID != "" {
				t.Errorf("Argo Rollouts: %d %s", status, said)
			}
			if status, said, _ := w.send("GET", w.url+"/gate/plain/checkout", "Bearer nk_ci", nil); status != 503 || !strings.HasPrefix(said, "unknown: the store cannot be asked") {
				t.Errorf("plain: %d %s", status, said)
			}
			if status, said, _ := w.send("POST", w.url+"/gate/flagger/checkout", "Bearer nk_ci", map[string]any{}); status != 403 {
				t.Errorf("Flagger: %d %s", status, said)
			}
			if r := w.review("checkout", change{from: "shop:v1", to: "shop:v2"}); !r.Allowed || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "the store cannot be asked") {
				t.Errorf("Kubernetes: %+v", r)
			}
		})
	}
}
