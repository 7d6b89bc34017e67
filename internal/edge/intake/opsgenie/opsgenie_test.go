package opsgenie_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opsgenie/opsgenie-go-sdk-v2/alert"
	"github.com/opsgenie/opsgenie-go-sdk-v2/client"
	"github.com/opsgenie/opsgenie-go-sdk-v2/heartbeat"
	"github.com/sirupsen/logrus"

	"nightkeeper/internal/edge/intake/opsgenie"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

type world struct {
	t      *testing.T
	db     *store.DB
	detect *detect.Service
	url    string
	broken bool
}

func newWorld(t *testing.T, limits door.Config) *world {
	t.Helper()
	w := &world{t: t}
	c := &catalog.Catalog{Hash: "one", Services: map[string]*catalog.Service{"checkout": {Meta: catalog.Meta{Name: "checkout"}}},
		People: map[string]*catalog.Person{"mira": {Meta: catalog.Meta{Name: "mira"}, Contacts: []catalog.Contact{{Channel: "email", Address: "mira@example.org"}}}},
		Teams:  map[string]*catalog.Team{"shop": {}}, Policies: map[string]*catalog.EscalationPolicy{"leads": {}}}
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
		return door.Caller{Integration: name, May: func(string) bool { return true }}, nil
	}
	srv := httptest.NewServer(opsgenie.New(opsgenie.Config{Door: door.New(limits), Detect: w.detect, Catalog: func() *catalog.Catalog { return c }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Facts: func(ctx context.Context, a detect.Alert) ([]event.Event, error) {
			return db.Events(ctx, event.Query{Group: string(a.Group)})
		},
		Told: func(context.Context, detect.AlertID) ([]page.Notification, error) {
			at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
			return []page.Notification{
				{Person: "mira", Channel: "email", Delivery: page.Sent, At: at, SentAt: at.Add(time.Second)},
				{Person: "tomas", Channel: "sms", Delivery: page.Failed, At: at},
				{Person: "mira", Channel: "sms", Delivery: page.Delivered, At: at, SentAt: at.Add(time.Second), DeliveredAt: at.Add(time.Minute)},
			}, nil
		}}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
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

// config is of Opsgenie's own client, which can only be told another host.
func (w *world) config() *client.Config {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	return &client.Config{ApiKey: "nk_scripts", OpsGenieAPIURL: client.ApiUrl(strings.TrimPrefix(w.url, "http://")), RetryCount: 1, Logger: quiet,
		RetryPolicy: func(context.Context, *http.Response, error) (bool, error) { return false, nil }}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) facts(kind string) []event.Event {
	w.t.Helper()
	es, err := w.db.Events(w.t.Context(), event.Query{Kinds: []string{kind}})
	return must(w.t, es, err)
}

// TestClientOfOpsgenie runs Opsgenie's own Go client through the life of an alert.
func TestClientOfOpsgenie(t *testing.T) {
	w := newWorld(t, door.Config{})
	ctx := t.Context()
	c, err := alert.NewClient(w.config())
	must(t, c, err)
	status := func(r *alert.AsyncAlertResult, err error) *alert.RequestStatusResult {
		t.Helper()
		if must(t, r, err).Result != "Request will be processed" || r.RequestId == "" || r.ResponseTime <= 0 {
			t.Errorf("%+v", r)
		}
		s, err := r.RetrieveStatus(ctx)
		return must(t, s, err)
	}
	create := &alert.CreateAlertRequest{Message: "disk is full", Alias: "disk/1", Description: "no space", Tags: []string{"env:prod", "disk"}, Details: map[string]string{"host": "db-1"},
		Entity: "checkout", Source: "cron", Priority: alert.P1, Note: "seen before"}
	made := status(c.Create(ctx, create))
	if !made.IsSuccess || made.Alias != "disk/1" || made.AlertID == "" || made.Action != "Create" {
		t.Fatalf("%+v", made)
	}
	again := status(c.Create(ctx, create))
	if again.AlertID != made.AlertID {
		t.Errorf("the same alias is another alert: %s, %s", made.AlertID, again.AlertID)
	}
	got, err := c.Get(ctx, &alert.GetAlertRequest{IdentifierType: alert.ALERTID, IdentifierValue: made.AlertID})
	if a := must(t, got, err); a.Message != "disk is full" || a.Status != "open" || a.Count != 2 || a.Priority != alert.P1 || a.Entity != "checkout" || a.Details["env"] != "prod" || a.Tags[0] != "disk" || a.Description != "no space" || a.Acknowledged {
		t.Errorf("%+v", a)
	}
	a := must(t, got, err)
	if as, err := w.detect.Alerts(ctx, "", true); len(must(t, as, err)) != 1 || as[0].Service != "checkout" || as[0].Severity != detect.SEV1 || as[0].Integration != "scripts" {
		t.Errorf("%+v", as)
	}
	if s := status(c.Acknowledge(ctx, &alert.AcknowledgeAlertRequest{IdentifierType: alert.ALERTID, IdentifierValue: a.Id, User: "mira@example.org", Note: "on it"})); !s.IsSuccess || s.Action != "Acknowledge" {
		t.Errorf("%+v", s)
	}
	if s := status(c.AddNote(ctx, &alert.AddNoteRequest{IdentifierType: alert.ALERTID, IdentifierValue: a.Id, Note: "made space"})); !s.IsSuccess {
		t.Errorf("%+v", s)
	}
	if acks, notes := w.facts(detect.KindAcked), w.facts(detect.KindNoted); len(acks) != 1 || acks[0].Actor != "mira" || len(notes) != 4 || !strings.HasSuffix(notes[3].Text, "made space") {
		t.Errorf("%+v\n%+v", acks, notes)
	}
	list, err := c.List(ctx, &alert.ListAlertRequest{Query: "status:open AND acknowledged:true", Limit: 10})
	if l := must(t, list, err); len(l.Alerts) != 1 || l.Alerts[0].Alias != "disk/1" || !l.Alerts[0].Acknowledged || l.Alerts[0].Owner != "mira" {
		t.Errorf("%+v", l)
	}
	if s := status(c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: alert.ALERTID, IdentifierValue: a.Id, Note: "fixed"})); !s.IsSuccess || s.Action != "Close" {
		t.Errorf("%+v", s)
	}
	if s := status(c.Close(ctx, &alert.CloseAlertRequest{IdentifierType: alert.ALIAS, IdentifierValue: "nobody knows it"})); s.IsSuccess {
		t.Errorf("closing what is not there: %+v", s)
	}
	for query, want := range map[string]int{"": 1, "status=open": 0, "status:closed": 1, `alias:"disk/1"`: 1, "priority:P2": 0} {
		n, err := c.CountAlerts(ctx, &alert.CountAlertsRequest{Query: query})
		if got := must(t, n, err).Count; got != want {
			t.Errorf("%q counts %d, want %d", query, got, want)
		}
	}
	other := w.config()
	other.ApiKey = "nk_other"
	o, err := alert.NewClient(other)
	must(t, o, err)
	var api *client.ApiError
	if _, err := o.Get(ctx, &alert.GetAlertRequest{IdentifierType: alert.ALERTID, IdentifierValue: a.Id}); !errors.As(err, &api) || api.StatusCode != 404 {
		t.Errorf("another integration's alert is shown: %v", err)
	}
}

func TestHeartbeatsOfOpsgeniesClient(t *testing.T) {
	w := newWorld(t, door.Config{})
	ctx := t.Context()
	c, err := heartbeat.NewClient(w.config())
	must(t, c, err)
	off := false
	added, err := c.Add(ctx, &heartbeat.AddRequest{Name: "backup", Description: "every night", Interval: 24, IntervalUnit: heartbeat.Hours, Enabled: &off, AlertPriority: "P2"})
	if a := must(t, added, err); a.Name != "backup" || a.Enabled {
		t.Errorf("%+v", a)
	}
	on, err := c.Enable(ctx, "backup")
	if h := must(t, on, err); !h.Enabled {
		t.Errorf("%+v", h)
	}
	pong, err := c.Ping(ctx, "backup")
	if p := must(t, pong, err); p.Message != "PONG - Heartbeat received" {
		t.Errorf("%+v", p)
	}
	if h, err := w.detect.HeartbeatOf(ctx, "backup"); must(t, h, err).LastPing.IsZero() || h.Interval != 24*time.Hour || h.Severity != "SEV2" {
		t.Errorf("%+v", h)
	}
	got, err := c.Get(ctx, "backup")
	if h := must(t, got, err); h.Interval != 1 || h.IntervalUnit != "days" || !h.Enabled || h.Expired || h.AlertPriority != "P2" || h.Description != "every night" {
		t.Errorf("%+v", h)
	}
	changed, err := c.Update(ctx, &heartbeat.UpdateRequest{Name: "backup", Interval: 5, IntervalUnit: heartbeat.Minutes})
	must(t, changed, err)
	all, err := c.List(ctx)
	if l := must(t, all, err); len(l.Heartbeats) != 1 || l.Heartbeats[0].Interval != 5 || l.Heartbeats[0].IntervalUnit != "minutes" {
		t.Errorf("%+v", l)
	}
	disabled, err := c.Disable(ctx, "backup")
	if h := must(t, disabled, err); h.Enabled {
		t.Errorf("%+v", h)
	}
	deleted, err := c.Delete(ctx, "backup")
	must(t, deleted, err)
	var api *client.ApiError
	if _, err := c.Ping(ctx, "backup"); !errors.As(err, &api) || api.StatusCode != 404 {
		t.Errorf("%v", err)
	}
}

func TestRefusalsInOpsgeniesWords(t *testing.T) {
	w := newWorld(t, door.Config{Rate: 0.001, Burst: 32})
	call := func(method, path, key, body string) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
		must(t, req, err)
		req.Header.Set("Authorization", "GenieKey "+key)
		resp, err := http.DefaultClient.Do(req)
		must(t, resp, err)
		defer resp.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out["requestId"] == "" || out["took"] == nil {
			t.Fatalf("%s %s: %v, %v", method, path, out, err)
		}
		return resp.StatusCode, out
	}
	for _, c := range []struct {
		method, path, key, body string
		want                    int
		says                    string
	}{
		{"POST", "/v2/alerts", "guess", `{}`, 401, "not valid"},
		{"POST", "/opsgenie/v2/alerts", "nk_a", `{}`, 422, "Message can not be empty."},
		{"POST", "/v2/alerts", "nk_a", `{`, 422, "not JSON"},
		{"POST", "/v2/alerts", "nk_a", `{"message":"m","priority":"P9","alias":"` + strings.Repeat("x", 600) + `"}`, 422, "P1, P2, P3, P4, P5"},
		{"POST", "/opsgenie/v2/alerts", "nk_a", `{"message":"m","alias":"a b/c"}`, 202, "Request will be processed"},
		{"PUT", "/v2/alerts/a%20b%2Fc/message?identifierType=alias", "nk_a", `{"message":"n"}`, 202, "Request will be processed"},
		{"POST", "/v2/alerts/a%20b%2Fc/notes?identifierType=alias", "nk_a", `{}`, 422, "Note can not be empty."},
		{"POST", "/v2/alerts/a%20b%2Fc/snooze?identifierType=alias", "nk_a", `{}`, 422, "endTime should be a time"},
		{"POST", "/v2/alerts/a%20b%2Fc/snooze?identifierType=alias", "nk_a", `{"endTime":"2020-01-01T00:00:00Z"}`, 422, "future time"},
		{"POST", "/v2/alerts/a%20b%2Fc/assign?identifierType=alias", "nk_a", `{"owner":{"username":"nobody@example.org"}}`, 422, "there is no person"},
		{"POST", "/v2/alerts/a%20b%2Fc/escalate?identifierType=alias", "nk_a", `{}`, 422, "Escalation can not be empty"},
		{"POST", "/v2/alerts/a%20b%2Fc/responders?identifierType=alias", "nk_a", `{"responder":{"type":"robot"}}`, 422, "Responder type"},
		{"POST", "/v2/alerts/a%20b%2Fc/actions/restart?identifierType=alias", "nk_a", `{}`, 404, "custom actions are runbooks here"},
		{"GET", "/v2/alerts/a%20b%2Fc/attachments?identifierType=alias", "nk_a", ``, 404, "put a link into a note"},
		{"GET", "/v2/alerts/saved-searches", "nk_a", ``, 404, "does not exist"},
		{"GET", "/opsgenie/v2/schedules", "nk_a", ``, 404, "schedules are in the catalog here"},
		{"GET", "/v2/alerts?sort=colour", "nk_a", ``, 422, "can be sorted by"},
		{"GET", "/v2/alerts?order=up", "nk_a", ``, 422, "asc or desc"},
		{"GET", "/v2/alerts?offset=19990&limit=20", "nk_a", ``, 422, "at most 20000"},
		{"GET", "/v2/alerts?searchIdentifier=x", "nk_a", ``, 422, "no saved searches"},
		{"GET", "/v2/alerts/x?identifierType=slug", "nk_a", ``, 422, "use id, alias or tiny"},
		{"GET", "/v2/alerts/requests/nonsense", "nk_a", ``, 404, "Request not found"},
		{"GET", "/v2/alerts?query=teams:x", "nk_a", ``, 422, "cannot ask for"},
		{"GET", "/v2/alerts?limit=1000", "nk_a", ``, 422, "from 0 to 100"},
		{"POST", "/v2/heartbeats", "nk_a", `{"name":"h","interval":0,"intervalUnit":"weeks"}`, 422, "interval should be at least 1"},
		{"DELETE", "/v2/alerts/a%20b%2Fc?identifierType=alias", "nk_a", ``, 202, "Request will be processed"},
	} {
		status, out := call(c.method, c.path, c.key, c.body)
		if said, _ := json.Marshal(out); status != c.want || !strings.Contains(string(said), c.says) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, said, c.want, c.says)
		}
	}
	if as, err := w.detect.Alerts(t.Context(), "", true); len(must(t, as, err)) != 0 {
		t.Errorf("%+v", as)
	}
	w.broken = true
	if status, _ := call("POST", "/v2/alerts", "nk_b", `{"message":"m"}`); status != 503 {
		t.Errorf("%d while the store is away", status)
	}
	w.broken = false
	last := 0
	for range 33 {
		last, _ = call("POST", "/v2/alerts", "nk_c", `{"message":"m","alias":"a"}`)
	}
	if last != 429 {
		t.Errorf("%d after too many", last)
	}
}
