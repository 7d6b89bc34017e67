package pagerduty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"nightkeeper/internal/edge/intake/pagerduty"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
)

type world struct {
	t       *testing.T
	db      *store.DB
	detect  *detect.Service
	url     string
	deploys []observe.Deploy
	broken  bool
}

func newWorld(t *testing.T, limits door.Config) *world {
	t.Helper()
	w := &world{t: t}
	c := &catalog.Catalog{Hash: "one", Services: map[string]*catalog.Service{"checkout": {Meta: catalog.Meta{Name: "checkout"}}}}
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
	limits.Who = func(_ context.Context, secret string) (door.Caller, error) {
		name, ok := strings.CutPrefix(secret, "nk_")
		if !ok {
			return door.Caller{}, errs.New(errs.Denied, "the token is not valid")
		}
		return door.Caller{Integration: name, May: func(string) bool { return name != "reader" }}, nil
	}
	srv := httptest.NewServer(pagerduty.New(pagerduty.Config{
		Door: door.New(limits), Detect: w.detect, Catalog: func() *catalog.Catalog { return c }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Deploy: func(_ context.Context, d observe.Deploy, by string) (observe.Deploy, error) {
			if by != "integration:ci" {
				t.Errorf("reported by %q", by)
			}
			w.deploys = append(w.deploys, d)
			return d, nil
		},
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL + "/pagerduty"
	return w
}

type fragile struct {
	detect.Store
	w *world
}

func (f fragile) Update(ctx context.Context, fn func(detect.Tx) error) error {
	if f.w.broken {
		return errs.New(errs.Unavailable, "the database does not answer")
	}
	return f.Store.Update(ctx, fn)
}

func (w *world) client() *pd.Client { return pd.NewClient("", pd.WithV2EventsAPIEndpoint(w.url)) }

func (w *world) post(body string) (int, string) {
	w.t.Helper()
	resp, err := http.Post(w.url+"/v2/enqueue", "application/json", strings.NewReader(body))
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

func (w *world) facts(kind string) []event.Event {
	w.t.Helper()
	es, err := w.db.Events(w.t.Context(), event.Query{Kinds: []string{kind}})
	if err != nil {
		w.t.Fatal(err)
	}
	return es
}

// TestClientOfPagerDuty runs PagerDuty's own Go client through the life of an alert.
func TestClientOfPagerDuty(t *testing.T) {
	w := newWorld(t, door.Config{})
	send := func(e pd.V2Event) *pd.V2EventResponse {
		t.Helper()
		e.RoutingKey = "nk_grafana"
		r, err := w.client().ManageEventWithContext(t.Context(), &e)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != "success" || r.Message != "Event processed" {
			t.Errorf("%+v", r)
		}
		return r
	}
	trigger := pd.V2Event{Action: "trigger", Client: "Grafana", ClientURL: "http://grafana/1", Links: []any{map[string]string{"href": "http://wiki/run", "text": "runbook"}},
		Payload: &pd.V2Payload{Summary: "p99 is high", Source: "web-1", Severity: "critical", Component: "checkout", Group: "prod", Class: "latency", Timestamp: "2026-11-27T02:59:00Z", Details: map[string]any{"p99": 1.5}}}
	key := send(trigger).DedupKey
	if key == "" {
		t.Fatal("no dedup_key was made")
	}
	trigger.DedupKey = key
	if got := send(trigger).DedupKey; got != key {
		t.Errorf("another key: %s", got)
	}
	as := w.firing()
	if len(as) != 1 || as[0].Count != 1 || as[0].Severity != detect.SEV1 || as[0].Service != "checkout" || as[0].Title != "p99 is high" || as[0].Labels["class"] != "latency" ||
		as[0].Annotations["custom_details"] != `{"p99":1.5}` || as[0].Annotations["links"] != "runbook http://wiki/run\n" || as[0].StartsAt.UTC().Format(time.RFC3339) != "2026-11-27T02:59:00Z" {
		t.Fatalf("%+v", as)
	}
	for range 2 {
		send(pd.V2Event{Action: "acknowledge", DedupKey: key})
	}
	if as := w.firing(); as[0].AckedBy != "integration:grafana" || len(w.facts(detect.KindAcked)) != 1 {
		t.Errorf("%+v, %d facts", as[0], len(w.facts(detect.KindAcked)))
	}
	for range 2 {
		send(pd.V2Event{Action: "resolve", DedupKey: key})
	}
	send(pd.V2Event{Action: "acknowledge", DedupKey: "nobody knows it"})
	if as := w.firing(); len(as) != 0 {
		t.Errorf("%+v", as)
	}
}

func TestClientIsToldWhatIsWrong(t *testing.T) {
	w := newWorld(t, door.Config{Rate: 0.001, Burst: 2})
	f := func(e pd.V2Event, want int, says string) {
		t.Helper()
		_, err := w.client().ManageEventWithContext(t.Context(), &e)
		var api pd.APIError
		if !errors.As(err, &api) || api.StatusCode != want {
			t.Errorf("%+v: %v, want %d", e, err, want)
		}
		body, err := json.Marshal(e) // the client does not show why
		if err != nil {
			t.Fatal(err)
		}
		if _, said := w.post(string(body)); !strings.Contains(said, says) {
			t.Errorf("%s: %s, want %s", body, said, says)
		}
	}
	good := pd.V2Event{RoutingKey: "nk_a", Action: "trigger", Payload: &pd.V2Payload{Summary: "s", Source: "s", Severity: "info"}}
	f(pd.V2Event{Action: "trigger"}, 400, "'routing_key' is missing")
	f(pd.V2Event{RoutingKey: "guess", Action: "trigger"}, 400, "'routing_key' is not valid")
	f(pd.V2Event{RoutingKey: "nk_reader", Action: "trigger"}, 400, "scope intake")
	f(pd.V2Event{RoutingKey: "nk_b", Action: "dance"}, 400, "'event_action' is not one of")
	f(pd.V2Event{RoutingKey: "nk_c", Action: "resolve"}, 400, "'dedup_key' is missing")
	f(pd.V2Event{RoutingKey: "nk_d", Action: "trigger", Payload: &pd.V2Payload{Severity: "bad"}}, 400, `"'payload.summary' is missing or blank","'payload.source' is missing or blank","'payload.severity' is invalid`)
	f(pd.V2Event{RoutingKey: "nk_e", Action: "resolve", DedupKey: strings.Repeat("x", 256)}, 400, "longer than 255")
	good.DedupKey = "one"
	for range 2 {
		if _, err := w.client().ManageEventWithContext(t.Context(), &good); err != nil {
			t.Fatal(err)
		}
	}
	f(good, 429, "faster than it may")
	w.broken = true
	good.RoutingKey = "nk_other"
	f(good, 503, "does not answer")
	if as := w.firing(); len(as) != 1 {
		t.Errorf("%d alerts, want the good one", len(as))
	}
}

func TestShapeOfRefusals(t *testing.T) {
	w := newWorld(t, door.Config{})
	for body, want := range map[string]string{
		`{`:  `400 {"status":"Unrecognized object","message":"Event object format is unrecognized","errors":["JSON parse error"]}`,
		`{}`: `400 {"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is missing or blank"]}`,
		`{"routing_key":"` + strings.Repeat("x", 600_000) + `"}`: `413 {"status":"invalid event","message":"Event object is invalid","errors":["the body is over 512000 bytes; send smaller batches"]}`,
	} {
		if status, said := w.post(body); fmt.Sprint(status, " ", said) != want {
			t.Errorf("%d %s, want %s", status, said, want)
		}
	}
}

func TestChangeEventsAreDeploys(t *testing.T) {
	w := newWorld(t, door.Config{})
	send := func(c pd.ChangeEvent) error {
		c.RoutingKey = "nk_ci"
		r, err := w.client().CreateChangeEventWithContext(t.Context(), c)
		if err == nil && (r.Status != "success" || r.Message != "Change event processed") {
			t.Errorf("%+v", r)
		}
		return err
	}
	if err := send(pd.ChangeEvent{Payload: pd.ChangeEventPayload{Summary: "Deployed 1.4.2", Source: "ci", Timestamp: "2026-11-27T02:59:00Z",
		CustomDetails: map[string]any{"service": "checkout", "version": "1.4.2", "commit": "abc", "author": "mira"}}, Links: []pd.ChangeEventLink{{Href: "https://ci/7"}}}); err != nil {
		t.Fatal(err)
	}
	if err := send(pd.ChangeEvent{Payload: pd.ChangeEventPayload{Summary: "A flag was turned"}}); err != nil {
		t.Fatal(err)
	}
	if err := send(pd.ChangeEvent{}); err == nil {
		t.Error("a change without a summary was taken")
	}
	at := time.Date(2026, 11, 27, 2, 59, 0, 0, time.UTC)
	want := []observe.Deploy{{Service: "checkout", Version: "1.4.2", Commit: "abc", Author: "mira", Message: "Deployed 1.4.2", URL: "https://ci/7", At: at}, {Service: "ci", Version: "a change", Message: "A flag was turned"}}
	if len(w.deploys) != 2 || w.deploys[0] != want[0] || w.deploys[1] != want[1] {
		t.Errorf("%+v", w.deploys)
	}
}
