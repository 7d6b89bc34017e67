package export_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/intake/export"
	"nightkeeper/internal/kit/errs"
)

var from = time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)

// api answers as the tests say, and keeps what it was asked.
type api struct {
	*httptest.Server
	asked  []string
	waited []time.Duration
	told   []string
	limits int // how often it answers 429 at first
}

func serve(t *testing.T, auth string, answers map[string]string) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri := r.URL.Path
		if r.URL.RawQuery != "" {
			uri += "?" + r.URL.Query().Encode()
		}
		a.asked = append(a.asked, uri)
		if got := r.Header.Get("Authorization"); got != auth {
			t.Errorf("%s: got the authorization %q, want %q", uri, got, auth)
		}
		if a.limits > 0 {
			a.limits--
			if a.limits%2 == 0 {
				w.Header().Set("Retry-After", "7")
			} else {
				w.Header().Set("Ratelimit-Reset", "23")
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		body, ok := answers[uri]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) config() export.Config {
	return export.Config{URL: a.URL + "/", Token: "s3cret", From: from, To: from.AddDate(0, 0, 90),
		Pause: func(_ context.Context, d time.Duration) error { a.waited = append(a.waited, d); return nil },
		Tell:  func(s string) { a.told = append(a.told, s) }}
}

const pdSpan = "since=2026-02-02T00%3A00%3A00Z&until=2026-05-03T00%3A00%3A00Z"

func pdAnswers() map[string]string {
	const first, second = "?limit=100&offset=0", "?limit=100&offset=100"
	const include = "?include%5B%5D=contact_methods&include%5B%5D=notification_rules&limit=100&offset="
	return map[string]string{
		"/users" + include + "0": `{"users":[{"id":"U1"}],"more":true}`, "/users" + include + "100": `{"users":[{"id":"U2"}],"more":false}`,
		"/teams" + first: `{"teams":[],"more":false}`, "/services" + first: `{"services":[],"more":false}`,
		"/schedules" + first: `{"schedules":[{"id":"S1"}],"more":true}`, "/schedules" + second: `{"schedules":[{"id":"S2"}],"more":false}`,
		"/escalation_policies" + first: `{"escalation_policies":[],"more":false}`,
		"/schedules/S1?" + pdSpan:      `{"schedule":{"id":"S1","final_schedule":{}}}`, "/schedules/S2?" + pdSpan: `{"schedule":{"id":"S2"}}`,
		"/schedules/S1/overrides?" + pdSpan: `{"overrides":[{"id":"O"}]}`, "/schedules/S2/overrides?" + pdSpan: `{"overrides":[]}`,
	}
}

func TestPagerDutyIsReadPageByPageAndItsLimitKept(t *testing.T) {
	a := serve(t, "Token token=s3cret", pdAnswers())
	a.limits = 2
	e, err := export.PagerDuty(t.Context(), a.config())
	if err != nil {
		t.Fatal(err)
	}
	for kind, n := range map[string]int{"users": 2, "schedules": 4, "overrides": 1, "window": 1} {
		if len(e[kind]) != n {
			t.Errorf("%s: got %d, want %d", kind, len(e[kind]), n)
		}
	}
	if len(e["overrides"]) == 1 && e["overrides"][0].Of != "S1" {
		t.Errorf("the override is of %q", e["overrides"][0].Of)
	}
	if want := []time.Duration{23 * time.Second, 7 * time.Second}; !slices.Equal(a.waited, want) {
		t.Errorf("waited %v, want %v", a.waited, want)
	}
	if len(a.told) != 2 || strings.Contains(strings.Join(a.told, " "), "s3cret") {
		t.Errorf("told %q", a.told)
	}
}

func TestLimitWithoutEndIsAnError(t *testing.T) {
	a := serve(t, "Token token=s3cret", pdAnswers())
	a.limits = 1000
	if _, err := export.PagerDuty(t.Context(), a.config()); errs.CodeOf(err) != errs.Unavailable || len(a.asked) != 8 {
		t.Errorf("got %v after %d requests, want unavailable after 8", err, len(a.asked))
	}
}

func TestRefusedTokenIsAnErrorAtOnce(t *testing.T) {
	a := serve(t, "Token token=s3cret", nil)
	_, err := export.PagerDuty(t.Context(), a.config())
	if errs.CodeOf(err) != errs.Invalid || len(a.asked) != 1 || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v after %d requests, want invalid after one", err, len(a.asked))
	}
}

func TestOpsgenieIsRead(t *testing.T) {
	a := serve(t, "GenieKey s3cret", map[string]string{
		"/v2/users?limit=100&offset=0":   `{"data":[{"id":"u1"}],"paging":{"next":"https://elsewhere.example.com/v2/users"}}`,
		"/v2/users?limit=100&offset=100": `{"data":[{"id":"u2"}],"paging":{}}`,
		"/v2/users/u1/contacts":          `{"data":[{"method":"email","to":"a@example.com"}]}`, "/v2/users/u2/contacts": `{"data":[]}`,
		"/v2/users/u1/notification-rules": `{"data":[{"id":"n1"}]}`, "/v2/users/u1/notification-rules/n1": `{"data":{"id":"n1","actionType":"create-alert"}}`,
		"/v2/teams": `{"data":[{"id":"t1"}]}`, "/v2/teams/t1": `{"data":{"id":"t1","members":[]}}`, "/v2/teams/t1/routing-rules": `{"data":[{"id":"r"}]}`,
		"/v2/schedules?expand=rotation": `{"data":[{"id":"s1"}]}`, "/v2/escalations": `{"data":[]}`, "/v2/schedules/s1/overrides": `{"data":[{"alias":"o"}]}`,
		"/v2/schedules/s1/timeline?date=2026-02-02T00%3A00%3A00Z&interval=90&intervalUnit=days": `{"data":{"_parent":{"id":"s1"}}}`,
	})
	e, err := export.Opsgenie(t.Context(), a.config())
	if err != nil {
		t.Fatal(err)
	}
	for kind, n := range map[string]int{"users": 2, "contacts": 1, "notification_rules": 1, "teams": 2, "routing_rules": 1, "schedules": 1, "overrides": 1, "timelines": 1, "services": 0} {
		if len(e[kind]) != n {
			t.Errorf("%s: got %d, want %d", kind, len(e[kind]), n)
		}
	}
	if told := strings.Join(a.told, "\n"); !strings.Contains(told, "services was not read") || !strings.Contains(told, "rules was not read") {
		t.Errorf("told %q, want that services and the rules of u2 were not read", told)
	}
}

func TestGrafanaOnCallIsRead(t *testing.T) {
	answers := map[string]string{
		"/api/v1/users/?page=1": `{"next":"http://elsewhere.example.com/?page=2","results":[{"id":"U1"}]}`, "/api/v1/users/?page=2": `{"next":null,"results":[{"id":"U2"}]}`,
		"/api/v1/schedules/?page=1": `{"next":null,"results":[{"id":"S1"}]}`,
		"/api/v1/schedules/S1/final_shifts?end_date=2026-05-03&page=1&start_date=2026-02-02": `{"next":"x","results":[{"user_pk":"U1"}]}`,
		"/api/v1/schedules/S1/final_shifts?end_date=2026-05-03&page=2&start_date=2026-02-02": `{"next":null,"results":[{"user_pk":"U2"}]}`,
	}
	for _, kind := range []string{"teams", "personal_notification_rules", "on_call_shifts", "escalation_chains", "escalation_policies", "integrations", "routes"} {
		answers["/api/v1/"+kind+"/?page=1"] = `{"next":null,"results":[]}`
	}
	a := serve(t, "s3cret", answers)
	e, err := export.GrafanaOnCall(t.Context(), a.config())
	if err != nil {
		t.Fatal(err)
	}
	if len(e["users"]) != 2 || len(e["final_shifts"]) != 2 || e["final_shifts"][1].Of != "S1" {
		t.Errorf("got %d users and %d shifts", len(e["users"]), len(e["final_shifts"]))
	}
}

func TestAlertmanagerSaysItsConfiguration(t *testing.T) {
	a := serve(t, "Bearer s3cret", map[string]string{"/api/v2/status": `{"config":{"original":"route: {receiver: a}\n"}}`})
	if b, err := export.Alertmanager(t.Context(), a.config()); err != nil || string(b) != "route: {receiver: a}\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if _, err := export.Alertmanager(t.Context(), serve(t, "Bearer s3cret", map[string]string{"/api/v2/status": `{}`}).config()); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("got %v, want invalid", err)
	}
}

func TestWhatPagerDutyDidIsRead(t *testing.T) {
	a := serve(t, "Token token=s3cret", map[string]string{
		"/incidents?limit=100&offset=0&" + pdSpan:        `{"incidents":[{"id":"Q1"}],"more":true}`,
		"/incidents?limit=100&offset=100&" + pdSpan:      `{"incidents":[{"id":"Q2"}],"more":false}`,
		"/incidents/Q1/log_entries?limit=100&offset=0":   `{"log_entries":[{"type":"trigger_log_entry"}],"more":true}`,
		"/incidents/Q1/log_entries?limit=100&offset=100": `{"log_entries":[{"type":"notify_log_entry"}],"more":false}`,
		"/incidents/Q2/log_entries?limit=100&offset=0":   `{"log_entries":[],"more":false}`,
		"/incidents/Q1/alerts":                           `{"alerts":[{"alert_key":"k"}]}`,
	})
	e, err := export.Beside(t.Context(), "pagerduty", a.config())
	if err != nil {
		t.Fatal(err)
	}
	if len(e["incidents"]) != 2 || len(e["log_entries"]) != 2 || e["log_entries"][1].Of != "Q1" || len(e["alerts"]) != 1 || e["alerts"][0].Of != "Q1" {
		t.Errorf("%v", e)
	}
	if told := strings.Join(a.told, "\n"); !strings.Contains(told, "alerts/Q2 was not read") {
		t.Errorf("told %q", told)
	}
}

func TestWhatOpsgenieDidIsRead(t *testing.T) {
	full := `{"data":[` + strings.Repeat(`{"log":"x","offset":"o1"},`, 99) + `{"log":"x","offset":"o2"}]}`
	a := serve(t, "GenieKey s3cret", map[string]string{
		"/v2/alerts?limit=100&offset=0&order=asc&query=createdAt+%3E%3D+1769990400000+AND+createdAt+%3C+1777766400000&sort=createdAt": `{"data":[{"id":"a1"}],"paging":{}}`,
		"/v2/alerts/a1/logs?direction=next&limit=100&order=asc":                                                                       full,
		"/v2/alerts/a1/logs?direction=next&limit=100&offset=o2&order=asc":                                                             `{"data":[{"log":"last","offset":"o3"}]}`,
	})
	e, err := export.Beside(t.Context(), "opsgenie", a.config())
	if err != nil {
		t.Fatal(err)
	}
	if len(e["alerts"]) != 1 || len(e["logs"]) != 101 || e["logs"][100].Of != "a1" {
		t.Errorf("%d alerts, %d lines of logs", len(e["alerts"]), len(e["logs"]))
	}
}

func TestWhatGrafanaOnCallDidIsRead(t *testing.T) {
	a := serve(t, "s3cret", map[string]string{
		"/api/v1/users/?page=1": `{"results":[{"id":"U1"}]}`, "/api/v1/integrations/?page=1": `{"results":[]}`,
		"/api/v1/alert_groups/?page=1&started_at=2026-02-02T00%3A00%3A00_2026-05-03T00%3A00%3A00": `{"next":"x","results":[{"id":"I1"}]}`,
		"/api/v1/alert_groups/?page=2&started_at=2026-02-02T00%3A00%3A00_2026-05-03T00%3A00%3A00": `{"next":null,"results":[{"id":"I2"}]}`,
	})
	if e, err := export.Beside(t.Context(), "grafana-oncall", a.config()); err != nil || len(e["alert_groups"]) != 2 {
		t.Errorf("%v %v", e, err)
	}
	if _, err := export.Beside(t.Context(), "other", a.config()); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("%v, want invalid", err)
	}
}
