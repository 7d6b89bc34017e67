package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/page/convert"
)

// pagerDutyExport is one person who is always on call, and what the other system says of who is.
func pagerDutyExport(until string) string {
	return `{"users": [{"id": "PADA", "name": "Ada", "email": "ada@example.com"}, {"id": "PBEL", "name": "Bela", "email": "bela@example.com"}],
		"window": {"from": "2026-02-02T00:00:00Z", "to": "2026-05-03T00:00:00Z"},
		"schedules": [{"id": "S", "name": "Primary", "time_zone": "Berlin",
			"schedule_layers": [{"name": "Layer 1", "start": "2026-01-05T09:00:00+01:00", "rotation_virtual_start": "2026-01-05T09:00:00+01:00", "rotation_turn_length_seconds": 604800, "users": [{"user": {"id": "PADA"}}], "restrictions": []}],
			"final_schedule": {"rendered_schedule_entries": [{"start": "2026-02-02T00:00:00Z", "end": "` + until + `", "user": {"id": "PADA"}}]}}]}`
}

func put(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "export.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestImportWritesOnlyWhenAskedAndNeverOverOtherFiles(t *testing.T) {
	file, out := put(t, pagerDutyExport("2026-05-03T00:00:00Z")), filepath.Join(t.TempDir(), "catalog")
	fails(t, "import pagerduty "+file+" --out "+out, 0)
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Fatalf("the plan wrote into %s: %v", out, err)
	}
	fails(t, "import pagerduty "+file+" --out "+out+" --write", 0)
	fails(t, "validate "+out, 0)
	fails(t, "import pagerduty "+file+" --out "+out+" --write", 0) // the same once more

	people := filepath.Join(out, "people.yaml")
	before, err := os.ReadFile(people)
	if err != nil {
		t.Fatal(err)
	}
	mine := append([]byte("# by hand\n"), before...)
	if err := os.WriteFile(people, mine, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, "import pagerduty "+file+" --out "+out+" --write", exitProblem, "people.yaml is there and differs")
	if after, err := os.ReadFile(people); err != nil || !bytes.Equal(after, mine) {
		t.Errorf("a file that differs was overwritten: %v", err)
	}
	fails(t, "import pagerduty "+file+" --out "+out+" --write --force", 0)
	if after, err := os.ReadFile(people); err != nil || !bytes.Equal(after, before) {
		t.Errorf("--force did not overwrite: %v", err)
	}
}

func TestImportEndsWithOneWhereWhoIsOnCallDiffers(t *testing.T) {
	fails(t, "import pagerduty "+put(t, pagerDutyExport("2026-05-02T23:59:59Z")), exitFailed, "differs at 1 times")
}

func TestImportRefusesWhatIsNoExport(t *testing.T) {
	for _, text := range []string{`{"name": "shop", "version": "1.0.0"}`, `{}`, `<html></html>`, `{"users": [{"username": "ada", "fullName": "Ada"}]}`} {
		fails(t, "import pagerduty "+put(t, text), exitProblem, "this is no export")
	}
	fails(t, "import alertmanager "+put(t, `{"name": "shop"}`), exitProblem, "no configuration of Alertmanager")
	for _, line := range []string{"", " " + put(t, `{}`), " --from-api http://127.0.0.1:1"} {
		fails(t, "import shadow-report banana"+line, exitUsage, `SYSTEM is "banana"; it is pagerduty, opsgenie or grafana-oncall`)
	}
	fails(t, "import shadow-report pagerduty "+put(t, pagerDutyExport("2026-05-03T00:00:00Z")), exitProblem, "one has items of incidents")
}

func TestImportReportNamesTimesAndPeople(t *testing.T) {
	e, err := convert.ReadFile([]byte(pagerDutyExport("2026-05-02T23:59:59Z")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := convert.PagerDuty(e, time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var text, raw bytes.Buffer
	if err := (&importing{}).run(p, &text); err == nil {
		t.Error("a difference is no error")
	}
	for _, want := range []string{"schedule   Primary  Schedule primary  same", "1 differences", "(90 days)",
		"2026-05-02 23:59:59 to 2026-05-03 00:00:00 UTC, Primary: nobody there, ada here", "nothing was written"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
	if err := (&importing{json: true}).run(p, &raw); err == nil {
		t.Error("a difference is no error")
	}
	var rep report
	if err := json.Unmarshal(raw.Bytes(), &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.Differences) != 1 || !slices.Equal(rep.Differences[0].Ours, []string{"ada"}) || len(rep.Plan) != 3 || len(rep.Files) != 2 {
		t.Errorf("got %s", raw.String())
	}
}

func TestImportFromAlertmanager(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(conf, []byte("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: ada@example.com}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "catalog")
	fails(t, "import alertmanager "+conf+" --write --out "+out, 0)
	fails(t, "validate "+out, 0)
	fails(t, "import alertmanager "+out, exitUsage, "cannot be read")
}

func TestImportAsksTheAPIWithTheToken(t *testing.T) {
	got := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"next": null, "results": []}`)
	}))
	defer srv.Close()
	t.Setenv(importToken, "")
	fails(t, "import grafana-oncall --url "+srv.URL, exitUsage, importToken)
	t.Setenv(importToken, "s3cret")
	fails(t, "import grafana-oncall --url "+srv.URL, 0)
	if got != "s3cret" {
		t.Errorf("got the token %q", got)
	}
	fails(t, "import pagerduty --url "+srv.URL+"/none x", exitUsage, "give an export or --url")
	fails(t, "import pagerduty x --write", exitUsage, "--out")
	fails(t, "import pagerduty "+filepath.Join(t.TempDir(), "none"), exitUsage, "cannot be read")
}

// What the other system did goes to the server, and its answer decides the exit code.
func TestShadowReportComparesOnTheServer(t *testing.T) {
	var got struct {
		Source    string
		Incidents []struct{ ID string }
	}
	differ := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/shadow" {
			t.Errorf("asked %s", r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"source":"pagerduty","there":1,"here":1,"differ":%d,"verdict":"In 30 days 1 page."}`, differ)
	}))
	defer srv.Close()
	file := put(t, `{"incidents": [{"id": "Q1", "created_at": "2026-02-02T03:00:00Z"}, {"id": "Q2", "created_at": "2026-03-02T03:00:00Z"}],
		"log_entries": [{"type": "notify_log_entry", "incident": {"id": "Q1"}, "created_at": "2026-02-02T03:00:05Z"}]}`)
	line := "import shadow-report pagerduty " + file + " --from 2026-02-01T00:00 --to 2026-02-10T00:00 --url " + srv.URL
	fails(t, line, 0)
	if got.Source != "pagerduty" || len(got.Incidents) != 1 || got.Incidents[0].ID != "Q1" {
		t.Errorf("%+v", got)
	}
	differ = 1
	fails(t, line+" --json", 1, "not everything is the same")
	fails(t, "import shadow-report pagerduty", exitUsage, "give an export or --from-api")
	fails(t, "import shadow-report pagerduty "+file+" --from 2026-02-01T00:00 --to 2026-01-01T00:00", exitUsage, "--to is after --from")
	fails(t, "import shadow-report nagios "+file+" --url "+srv.URL, exitUsage, "pagerduty, opsgenie or grafana-oncall")
}
