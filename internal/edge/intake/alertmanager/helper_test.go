package alertmanager_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/edge/intake/alertmanager"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// world is the API on a real store.
type world struct {
	t      testing.TB
	db     *store.DB
	detect *detect.Service
	url    string
	now    func() time.Time
	broken atomic.Bool // the store is away
	limits door.Config
}

// secrets are the tokens of the tests, and what they may do.
var secrets = map[string]struct{ name, scopes string }{
	"s3cret": {"prom", "intake"}, "am": {"ops", "intake respond"}, "reader": {"reader", "read"},
}

func who(_ context.Context, secret string) (door.Caller, error) {
	x, ok := secrets[secret]
	if !ok {
		return door.Caller{}, errs.New(errs.Denied, "the token is not valid")
	}
	return door.Caller{Integration: x.name, May: func(scope string) bool { return strings.Contains(x.scopes, scope) }}, nil
}

func newWorld(t testing.TB, change func(*world, *catalog.Catalog)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now}
	c := &catalog.Catalog{
		Hash: "one", Services: map[string]*catalog.Service{"checkout": {Meta: catalog.Meta{Name: "checkout"}, EscalationPolicy: "shop"}},
		Policies: map[string]*catalog.EscalationPolicy{"shop": {Meta: catalog.Meta{Name: "shop"}}, "default": {Meta: catalog.Meta{Name: "default"}}},
	}
	if change != nil {
		change(w, c)
	}
	db, err := store.Open(t.Context(), t.TempDir()+"/nk.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.db = db
	w.detect = detect.New(detect.Config{
		Store: fragile{db.Detect(), w}, Catalog: func() *catalog.Catalog { return c }, Log: slog.New(slog.DiscardHandler),
		Related: func(string) []string { return nil }, At: func(string) string { return "" },
	})
	w.limits.Who = who
	h := alertmanager.New(alertmanager.Config{
		Door: door.New(w.limits), Detect: w.detect, Catalog: func() *catalog.Catalog { return c }, Now: func() time.Time { return w.now() },
		Log: slog.New(slog.DiscardHandler), Version: "test",
		Ready: func(context.Context) error {
			if w.broken.Load() {
				return errs.New(errs.Unavailable, "the database does not answer")
			}
			return nil
		},
	})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// fragile is a store that can be away.
type fragile struct {
	detect.Store
	w *world
}

func (f fragile) Update(ctx context.Context, fn func(detect.Tx) error) error {
	if f.w.broken.Load() {
		return errs.New(errs.Unavailable, "the database does not answer")
	}
	return f.Store.Update(ctx, fn)
}

// call makes a request with a token and returns status and body.
func (w *world) call(method, path, secret, body string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/alertmanager/"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (w *world) firing() []detect.Alert {
	w.t.Helper()
	as, err := w.detect.Alerts(w.t.Context(), "", true)
	if err != nil {
		w.t.Fatal(err)
	}
	return as
}

func (w *world) post(body string) {
	w.t.Helper()
	if status, said := w.call("POST", "api/v2/alerts", "s3cret", body); status != 200 || said != "" {
		w.t.Fatalf("%d %q", status, said)
	}
}

func (w *world) silence(matchers string, from, to time.Time) string {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"matchers": json.RawMessage(matchers), "startsAt": from, "endsAt": to, "createdBy": "mira", "comment": "known"})
	if err != nil {
		w.t.Fatal(err)
	}
	status, said := w.call("POST", "api/v2/silences", "am", string(body))
	var out struct{ SilenceID string }
	if err := json.Unmarshal([]byte(said), &out); err != nil || status != 200 || out.SilenceID == "" {
		w.t.Fatalf("%d %s", status, said)
	}
	return out.SilenceID
}
