package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

var quiet = slog.New(slog.DiscardHandler)

func start(t *testing.T) *apptest.World {
	t.Helper()
	return apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout", "search")}, nil)
}

func TestSpansBecomeAnAlertAPageAndAnIncident(t *testing.T) {
	w := start(t)
	w.Outage("checkout")
	e := w.API.Await(page.KindOpened, 0)
	ps := apptest.Get[[]page.Page](w.API, "/api/v1/pages")
	if len(ps) != 1 || string(ps[0].ID) != e.Subject || ps[0].Service != "checkout" || ps[0].Severity != detect.SEV1 {
		t.Fatalf("pages %+v", ps)
	}
	w.API.Await("respond.opened", 0)
	is := apptest.Get[[]map[string]any](w.API, "/api/v1/incidents?open=true")
	if len(is) != 1 || is[0]["service"] != "checkout" {
		t.Fatalf("incidents %v", is)
	}
	w.API.Post("/api/v1/pages/"+e.Subject+"/ack", nil)
	acked := w.API.Await(page.KindAcked, 0)
	if acked.Actor != "admin" {
		t.Errorf("acknowledged by %q", acked.Actor)
	}
	view := apptest.Get[struct {
		State         page.State
		Notifications []page.Notification
	}](w.API, "/api/v1/pages/"+e.Subject)
	if view.State != page.Acked || len(view.Notifications) == 0 {
		t.Errorf("page %+v", view)
	}
	// What happened is one list in the order in which it happened.
	var last int64
	for _, f := range apptest.Get[[]struct{ Seq int64 }](w.API, "/api/v1/incidents/INC-1/timeline") {
		if f.Seq <= last {
			t.Errorf("fact %d after %d", f.Seq, last)
		}
		last = f.Seq
	}
}

func TestNobodyGetsInUnasked(t *testing.T) {
	w := start(t)
	for _, token := range []string{"", "nk_wrong", "nk_" + strings.Repeat("a", 52)} {
		a := w.As(token).Call(http.MethodGet, "/api/v1/pages", nil)
		if a.Status != http.StatusUnauthorized || a.Type != "application/problem+json" || a.Code() != string(errs.Denied) {
			t.Errorf("token %q: %d %s %s", token, a.Status, a.Type, a.Body)
		}
	}
	if a := w.As("").Call(http.MethodGet, "/api/openapi.json", nil); a.Status != http.StatusOK {
		t.Errorf("the description of the API: %d", a.Status)
	}
	for _, open := range []string{"/healthz", "/readyz"} {
		if a := w.As("").Call(http.MethodGet, open, nil); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", open, a.Status, a.Body)
		}
	}
}

func TestErrorsHaveACodeThatProgramsCanTellApart(t *testing.T) {
	w := start(t)
	f := func(method, path string, body any, status int, code errs.Code) {
		t.Helper()
		a := w.API.Call(method, path, body)
		if a.Status != status || a.Type != "application/problem+json" || a.Code() != string(code) {
			t.Errorf("%s %s: %d %s %s, want %d %q", method, path, a.Status, a.Type, a.Body, status, code)
		}
	}
	f("GET", "/api/v1/pages/pg_none", nil, 404, errs.NotFound)
	f("GET", "/api/v1/incidents/INC-9", nil, 404, errs.NotFound)
	f("GET", "/api/v1/slos/none", nil, 404, errs.NotFound)
	f("GET", "/api/v1/nothing", nil, 404, errs.NotFound)
	f("POST", "/api/v1/pages/pg_none/ack", nil, 404, errs.NotFound)
	f("POST", "/api/v1/incidents/INC-9/notes", map[string]any{"text": ""}, 422, errs.Invalid)
	f("POST", "/api/v1/incidents/INC-9/notes", map[string]any{}, 422, errs.Invalid)
	f("POST", "/api/v1/deploys", map[string]any{"service": "", "version": ""}, 422, errs.Invalid)
	f("GET", "/api/v1/logs?min_duration=soon", nil, 422, errs.Invalid)
	f("GET", "/api/v1/metrics?query=up&step=never", nil, 422, errs.Invalid)
	f("POST", "/api/v1/runs", map[string]any{"incident": "INC-9", "runbook": "none"}, 404, errs.NotFound)
	// Text that one of the databases does not like is a name that does not exist, not a fault of ours.
	f("GET", "/api/v1/pages/a%00b", nil, 404, errs.NotFound)
	f("GET", "/api/v1/pages/%ff%fe", nil, 404, errs.NotFound)
}

func TestBodyThatIsTooLargeIsRefused(t *testing.T) {
	w := start(t)
	huge := io.MultiReader(strings.NewReader(`{"text":"`), bytes.NewReader(make([]byte, 100<<20)))
	f := func(what, addr, kind string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, addr, huge)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		token, err := os.ReadFile(filepath.Join(w.Data, "cli-token"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // the connection is closed while the body is still being sent: refused too
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d, want 413", what, resp.StatusCode)
		}
	}
	f("a note", w.App.URL()+"/api/v1/incidents/INC-1/notes", "application/json")
	huge = io.MultiReader(bytes.NewReader(make([]byte, 100<<20)))
	f("telemetry", "http://"+w.App.OTLPAddr().String()+"/v1/traces", "application/x-protobuf")
	if a := w.API.Call(http.MethodGet, "/api/v1/status", nil); a.Status != http.StatusOK {
		t.Errorf("afterwards: %d", a.Status)
	}
}

func TestBadTelemetryIsRefusedWithAReason(t *testing.T) {
	w := start(t)
	for _, body := range []string{"{", "[]", `{"resourceSpans": 7}`, "\x00\x01"} {
		if status := apptest.Send(t, w.App.OTLPAddr().String(), "/v1/traces", body); status != http.StatusBadRequest {
			t.Errorf("%q: %d, want 400", body, status)
		}
	}
}

func TestTokensDoNoMoreThanTheirScopes(t *testing.T) {
	w := start(t)
	token := func(scope string) *apptest.Client { return w.As(w.Token(scope)) }
	f := func(c *apptest.Client, who, method, path string, body any, want int) {
		t.Helper()
		if a := c.Call(method, path, body); a.Status != want {
			t.Errorf("%s %s %s: %d %s, want %d", who, method, path, a.Status, a.Body, want)
		}
	}
	deploy := map[string]any{"service": "checkout", "version": "v2"}
	read, gate, respond, intake := token("read"), token("gate"), token("respond"), token("intake")
	f(read, "read", "GET", "/api/v1/pages", nil, 200)
	f(read, "read", "POST", "/api/v1/deploys", deploy, 403)
	f(read, "read", "POST", "/api/v1/pages/pg_none/ack", nil, 403)
	f(gate, "gate", "POST", "/api/v1/deploys", deploy, 200)
	f(gate, "gate", "GET", "/api/v1/gate/checkout", nil, 200)
	f(gate, "gate", "GET", "/gate/plain/checkout", nil, 503) // nothing was seen of it
	f(gate, "gate", "GET", "/gate/argo-rollouts/checkout", nil, 200)
	f(gate, "gate", "POST", "/api/v1/pages/pg_none/ack", nil, 403)
	f(respond, "respond", "POST", "/api/v1/pages/pg_none/ack", nil, 404)
	f(respond, "respond", "POST", "/api/v1/deploys", deploy, 403)
	f(intake, "intake", "GET", "/api/v1/pages", nil, 403)
	f(intake, "intake", "GET", "/gate/plain/checkout", nil, 401)
}

func TestBadCatalogReplacesNothing(t *testing.T) {
	w := start(t)
	before := w.App.Catalog()
	w.Declare(apptest.Files{"bad.yaml": "apiVersion: nightkeeper/v1\nkind: Service\nmetadata: {name: cart}\nspec: {team: nobody}\n",
		"bad.md": "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\ntriggers: [{cause: retry_strom}]\n---\n```starlark\nno.such(\n```\n"})
	err := w.App.Reload()
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "bad.yaml:4:14: there is no Team named \"nobody\"") || !strings.Contains(err.Error(), "bad.md:5:20: there is no kind of cause") {
		t.Errorf("%v", err)
	}
	if w.App.Catalog() != before {
		t.Error("the catalog was replaced")
	}
	const said = "failed, and the one before stays in force: the catalog is not good; the first of its mistakes ("
	if text := signIn(t, w.App.URL()).look("/"); !strings.Contains(text, said) {
		t.Errorf("the Now page does not say that the reload %s", said)
	}
	reload := func() (line api.PartLine) {
		for _, l := range apptest.Get[api.Status](w.API, "/api/v1/status").Parts {
			if l.Name == "catalog" {
				line = l
			}
		}
		return line
	}
	if l := reload(); l.OK || !strings.Contains(l.Text, said) {
		t.Errorf("%+v", l)
	}
	w.Declare(apptest.Files{"bad.yaml": "", "bad.md": "", "more.yaml": "apiVersion: nightkeeper/v1\nkind: Service\nmetadata: {name: cart}\nspec: {team: shop}\n"})
	if err := w.App.Reload(); err != nil || w.App.Catalog().Services["cart"] == nil {
		t.Errorf("%v", err)
	}
	if l := reload(); !l.OK || !strings.Contains(l.Text, "3 services") {
		t.Errorf("%+v", l)
	}
	w.Outage("checkout")
	w.API.Await(page.KindOpened, 0)
}

func TestProgramDoesNotStartOnABadCatalogOrATakenDirectory(t *testing.T) {
	w := start(t)
	o := app.Options{DataDir: w.Data, CatalogDir: w.Catalog, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", OTLPAddr: "127.0.0.1:0", Log: quiet}
	f := func(what string, o app.Options, want errs.Code) {
		t.Helper()
		a, err := app.New(o)
		if err == nil {
			err = a.Start(t.Context())
			if serr := a.Stop(t.Context()); serr != nil {
				t.Errorf("%s: stop: %v", what, serr)
			}
		}
		if errs.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	f("a directory that another program uses", o, errs.Conflict)
	o.DataDir = t.TempDir()
	o.CatalogDir = t.TempDir()
	f("an empty catalog", o, errs.Invalid)
	o.CatalogDir = "/does/not/exist"
	f("no catalog", o, errs.Invalid)
	o.CatalogDir = ""
	f("no catalog given", o, errs.Invalid)
	o.CatalogDir, o.DataDir = w.Catalog, ""
	f("no data directory given", o, errs.Invalid)
	o.DataDir, o.HTTPAddr = t.TempDir(), strings.TrimPrefix(w.App.URL(), "http://")
	f("an address in use", o, errs.Unavailable)
}

func TestRestartKeepsPagesAndGoesOn(t *testing.T) {
	w := start(t)
	w.Outage("checkout")
	e := w.API.Await(page.KindOpened, 0)
	w.Stop()
	w.Boot()
	ps := apptest.Get[[]page.Page](w.API, "/api/v1/pages")
	if len(ps) != 1 || string(ps[0].ID) != e.Subject {
		t.Fatalf("pages %+v", ps)
	}
	// The escalation that was planned before is still to come.
	w.API.AwaitWhere(page.KindEscalated, e.Seq, func(e event.Event) bool { return strings.Contains(e.Text, "step 3 of default") })
	fired := 0
	for _, f := range apptest.Get[[]struct{ Kind string }](w.API, "/api/v1/events?limit=1000") {
		if f.Kind == detect.KindFired {
			fired++
		}
	}
	if fired != 1 {
		t.Errorf("the alert fired %d times", fired)
	}
}

func TestClockOfASenderThatRunsAheadBlindsNobody(t *testing.T) {
	w := start(t)
	ahead := apptest.Spans("checkout", 2000, -2*time.Hour, true) // over the hours to come, so that every bucket is taken
	if status := apptest.Send(t, w.App.OTLPAddr().String(), "/v1/traces", ahead); status != http.StatusOK {
		t.Fatal(status)
	}
	w.Outage("checkout")
	w.API.Await(page.KindOpened, 0)
}

func TestStatusSaysHowThePartsAre(t *testing.T) {
	w := start(t)
	w.Eventually("everything answers", func() bool {
		a := w.API.Call(http.MethodGet, "/api/v1/status", nil)
		var s struct{ Parts []struct{ OK bool } }
		if err := json.Unmarshal(a.Body, &s); err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Parts {
			if !p.OK {
				return false
			}
		}
		return len(s.Parts) >= 2
	})
}
