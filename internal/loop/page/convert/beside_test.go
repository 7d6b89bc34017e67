package convert

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

func besideOf(t *testing.T, source string) page.Beside {
	t.Helper()
	e, err := ReadExport(readArchive(t, "testdata/beside.txtar").under(source))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ExpectBeside(source); err != nil {
		t.Error(err)
	}
	b, err := Beside(source, e, today, today.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	return b
}

func same(t *testing.T, got, want any) {
	t.Helper()
	g, err1 := json.MarshalIndent(got, "", " ")
	w, err2 := json.MarshalIndent(want, "", " ")
	if err1 != nil || err2 != nil || string(g) != string(w) {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func hm(clock string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, "2026-02-02T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return at
}

func TestPagerDutySaysWhomItTold(t *testing.T) {
	ada, svc := page.Named{ID: "PADA", Name: "Ada Okafor"}, page.Named{ID: "PSVC", Name: "Checkout"}
	same(t, besideOf(t, "pagerduty").Incidents, []page.Theirs{
		{ID: "Q2", Title: "grouped", URL: "https://example.pagerduty.com/incidents/Q2", Keys: []string{"api", "web"}, Service: svc, At: hm("02:00:00")},
		{ID: "Q1", Title: "disk is full", URL: "https://example.pagerduty.com/incidents/Q1", Keys: []string{"disk/db-1"}, Service: svc, At: hm("03:00:00"), TakenBy: ada, TakenAt: hm("03:06:00"),
			Told: []page.TheirNotice{{Who: ada, At: hm("03:00:10"), By: "sms"}, {Who: page.Named{ID: "PBELA", Name: "Béla Kiss", Email: "bela@example.com"}, At: hm("03:05:00"), By: "email"}}},
	})
}

func TestOpsgenieSaysWhomItTold(t *testing.T) {
	ada := page.Named{ID: "ada@example.com", Name: "ada@example.com", Email: "ada@example.com"}
	same(t, besideOf(t, "opsgenie").Incidents, []page.Theirs{
		{ID: "70413a06-38d6-4c85-92b8-5ebc900d42e2", Title: "disk is full", Keys: []string{"disk/db-1"}, Service: page.Named{Name: "checkout"}, At: hm("03:00:00.123"),
			Told: []page.TheirNotice{{Who: ada, At: hm("03:00:02"), By: "sms"}}, TakenBy: ada, TakenAt: hm("03:02:00")},
		{ID: "unread", Title: "its log is not in the export", Keys: []string{"other"}, At: hm("04:00:00"), Unsaid: true},
	})
}

func TestGrafanaOnCallSaysWhoTookIt(t *testing.T) {
	ada := page.Named{ID: "UADA", Name: "ada", Email: "ada@example.com"}
	same(t, besideOf(t, "grafana-oncall").Incidents, []page.Theirs{
		{ID: "I1", Title: "disk is full", URL: "https://grafana.example.com/a/I1", Keys: []string{"b97a6bf7a6edcf75", "27f5deecf5a91a61"}, Service: page.Named{ID: "CFR", Name: "checkout"},
			At: hm("03:00:00.430444"), Unsaid: true, TakenBy: ada, TakenAt: hm("03:04:00")},
		{ID: "I2", Title: "paged by hand", Service: page.Named{ID: "CFR", Name: "Checkout alerts"}, At: hm("05:00:00"), Told: []page.TheirNotice{{Who: ada, At: hm("05:00:00")}}},
		{ID: "I3", Title: "ended by hand", Service: page.Named{ID: "CGONE"}, At: hm("06:00:00"), Unsaid: true, TakenBy: page.Named{ID: "UGONE", Name: "UGONE"}, TakenAt: hm("06:10:00")},
	})
}

func TestAnExportThatCannotSayWhoWasToldIsRefused(t *testing.T) {
	for name, source := range map[string]string{"no log entries": "pagerduty", "no such system": "pager"} {
		e, err := ReadExport(fstest.MapFS{"incidents.json": {Data: []byte(`[{"id": "Q1", "created_at": "2026-02-02T03:00:00Z"}]`)}})
		if err == nil {
			_, err = Beside(source, e, today, today.AddDate(0, 0, 1))
		}
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func FuzzBeside(f *testing.F) {
	b, err := os.ReadFile("testdata/beside.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n-- ") {
		if i := strings.IndexByte(line, '\n'); i > 0 {
			f.Add([]byte(`{"incidents":[{"id":"Q1"}],"log_entries":[],"alerts":[{"id":"a"}],"logs":{"a":[{"log":"x"}]},"alert_groups":` + line[i+1:] + `}`))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ReadFile(b)
		if err != nil {
			return
		}
		for _, source := range []string{"pagerduty", "opsgenie", "grafana-oncall"} {
			got, err := Beside(source, e, today, today.AddDate(0, 0, 1))
			if err != nil {
				continue
			}
			for _, x := range got.Incidents {
				if x.At.Before(got.From) || !x.At.Before(got.To) {
					t.Errorf("%s: %s is at %s", source, x.ID, x.At)
				}
			}
		}
	})
}
