package convert_test

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page/convert"
)

// What is no export makes no people.
func TestOnlyAnExportOfTheSystemIsTaken(t *testing.T) {
	const (
		pagerDuty = `{"users": [{"id": "P1", "name": "Ada", "email": "ada@example.com", "time_zone": "Berlin"}], "schedules": []}`
		opsgenie  = `{"users": [{"id": "u1", "username": "ada@example.com", "fullName": "Ada"}]}`
		onCall    = `{"users": [{"id": "U1", "username": "ada", "email": "ada@example.com", "timezone": "UTC"}]}`
	)
	exports := map[string]string{"pagerduty": pagerDuty, "opsgenie": opsgenie, "grafana-oncall": onCall}
	for source, title := range map[string]string{"pagerduty": "PagerDuty", "opsgenie": "Opsgenie", "grafana-oncall": "Grafana OnCall"} {
		f := func(text, want string) {
			t.Helper()
			e, err := convert.ReadFile([]byte(text))
			if err == nil {
				err = e.Expect(source)
			}
			if want == "" && err != nil {
				t.Errorf("%s of %s: %v", text, source, err)
			} else if want != "" && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s of %s: %v, want %s", text, source, err, want)
			}
		}
		for of, text := range exports {
			if of == source {
				f(text, "")
			} else {
				f(text, "no export of "+title)
			}
		}
		f(`{"name": "shop", "version": "1.0.0", "dependencies": {"left-pad": "1"}}`, "this has dependencies, name, version")
		f(`{}`, "has items of users, schedules")
		f(`{"users": []}`, "this has nothing")
		f(`{"users": ["ada"]}`, "item 1 of users is no JSON object")
		f(`{"users": "ada"}`, "item 1 of users is no JSON object")
		f(`{"users": [{"name": "Ada"}]}`, "item 1 of users has no ")
		f(`<html></html>`, "this is no export")
		f(`[]`, "a JSON object with keys such as users")
	}
	e, err := convert.ReadFile([]byte(pagerDuty))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ExpectBeside("pagerduty"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "items of incidents") {
		t.Errorf("%v", err)
	}
}

// What nobody reads is in the plan, with why.
func TestUnknownPartsOfAnExportAreInThePlan(t *testing.T) {
	e, err := convert.ReadFile([]byte(`{"exported_at": "2026-11-01", "users": [{"id": "P1", "name": "Ada"}], "status_pages": [{"id": "S1"}, {"id": "S2"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := convert.PagerDuty(e, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	left := rowsLeft(plan)
	if got := strings.Join(left, "; "); got != "exported_at 1 in the export: there is no counterpart; they are left out; status_pages 2 in the export: there is no counterpart; they are left out" {
		t.Error(got)
	}
	plan, err = convert.Alertmanager([]byte("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: ada@example.com}]}]\nbanana: 1\ntemplates: [x.tmpl]\n"), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rowsLeft(plan), "; "); got != "part banana: it is not known; it is left out; part templates: messages are written by Nightkeeper" {
		t.Error(got)
	}
}

func rowsLeft(p *convert.Plan) (out []string) {
	for _, r := range p.Rows {
		if r.State() == convert.NotMapped {
			out = append(out, r.Kind+" "+r.Name+": "+strings.Join(r.Notes, " "))
		}
	}
	return out
}
