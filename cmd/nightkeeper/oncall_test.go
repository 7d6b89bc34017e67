package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What the commands about shifts send, and what they make of times.
func TestOncallCommandsSendWhatWasAsked(t *testing.T) {
	var got string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/people/mira/shifts", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"schedule":"day","person":"mira","from":"2026-12-01T09:00:00Z","to":"2026-12-02T09:00:00Z"},
			{"schedule":"night","person":"mira","from":"2026-12-02T09:00:00Z","to":"2026-12-03T09:00:00Z"},{"schedule":"night","person":"mira","from":"2026-12-05T09:00:00Z","to":"2026-12-06T09:00:00Z"}]`)
	})
	mux.HandleFunc("GET /api/v1/people/tomas/shifts", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"schedule":"night","person":"tomas","from":"2026-12-03T09:00:00Z","to":"2026-12-04T09:00:00Z"}]`)
	})
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.Path
		if len(b) > 0 {
			var v map[string]any
			if err := json.Unmarshal(b, &v); err != nil {
				t.Error(err)
			}
			got += " " + fmt.Sprint(v)
		}
		if r.Method == http.MethodGet && r.URL.Path != "/api/v1/schedules/night" && r.URL.Path != "/api/v1/calendars/person/mira" {
			fmt.Fprint(w, "[]")
			return
		}
		fmt.Fprint(w, `{"id":"x","url":"https://x"}`)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	f := func(line, want string) {
		t.Helper()
		got = ""
		fails(t, line+" --url "+srv.URL, 0)
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
	const from, to = "2026-12-24T09:00:00Z", "2026-12-24T13:00:00Z"
	f("oncall override night mira tomas --from "+from+" --to "+to+" --reason r", "POST /api/v1/overrides map[from:"+from+" instead: people:[mira tomas] reason:r schedule:night to:"+to+"]")
	f("oncall override night mira --from "+from+" --for 4h --instead ines", "POST /api/v1/overrides map[from:"+from+" instead:ines people:[mira] reason: schedule:night to:"+to+"]")
	f("oncall cover night --from "+from+" --for 4_hours --person mira", "POST /api/v1/covers map[from:"+from+" person:mira reason: schedule:night to:"+to+"]")
	f("oncall take cv_1", "POST /api/v1/covers/cv_1/take map[person:]")
	f("oncall take cv_1 --person ines", "POST /api/v1/covers/cv_1/take map[person:ines]")
	f("oncall cancel cv_1", "POST /api/v1/covers/cv_1/cancel")
	f("oncall cancel ov_1", "POST /api/v1/overrides/ov_1/cancel")
	f("oncall overrides", "GET /api/v1/overrides")
	f("oncall covers", "GET /api/v1/covers")
	f("oncall schedule night", "GET /api/v1/schedules/night")
	f("oncall", "GET /api/v1/oncall")
	f("oncall calendar person mira", "GET /api/v1/calendars/person/mira")
	f("oncall calendar schedule night --renew", "POST /api/v1/calendars/schedule/night")
	f("oncall shifts mira", "")
	const half = "from:%sT09:00:00Z person:%s schedule:night to:%sT09:00:00Z"
	f("oncall swap night mira tomas --reason r", fmt.Sprintf("POST /api/v1/swaps map[a:map["+half+"] b:map["+half+"] force:false reason:r]", "2026-12-02", "mira", "2026-12-03", "2026-12-03", "tomas", "2026-12-04"))
	f("oncall swap night mira tomas --at 2026-12-05T12:00:00Z", fmt.Sprintf("POST /api/v1/swaps map[a:map["+half+"] b:map["+half+"] force:false reason:]", "2026-12-05", "mira", "2026-12-06", "2026-12-03", "tomas", "2026-12-04"))

	at := " --url " + srv.URL
	f("oncall swap night mira tomas --force --reason ill", fmt.Sprintf("POST /api/v1/swaps map[a:map["+half+"] b:map["+half+"] force:true reason:ill]", "2026-12-02", "mira", "2026-12-03", "2026-12-03", "tomas", "2026-12-04"))
	f("oncall take sw_1", "POST /api/v1/swaps/sw_1/take map[]")
	f("oncall refuse sw_1 --reason away", "POST /api/v1/swaps/sw_1/refuse map[reason:away]")
	f("oncall cancel sw_1", "POST /api/v1/swaps/sw_1/cancel")
	f("oncall swaps", "GET /api/v1/swaps")
	if out := prints(t, "oncall swaps"+at); out != "no swaps\n" {
		t.Errorf("no swaps: %q", out)
	}
	mux.HandleFunc("POST /api/v1/overrides", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":"ov_1","schedule":"night","people":["ada"],"instead":"mira","from":"2026-12-24T09:00:00Z","to":"2026-12-26T09:00:00Z","changes":[{"from":"2026-12-25T09:00:00Z","to":"2026-12-26T09:00:00Z"}]}`)
	})
	christmas := time.Date(2026, 12, 25, 9, 0, 0, 0, time.UTC)
	out := prints(t, "oncall override night ada --instead mira --for 2d"+at)
	if want := "these shifts change:\n  " + local(christmas) + " to " + local(christmas.AddDate(0, 0, 1)) + "\n"; !strings.Contains(out, want) {
		t.Errorf("got %q, want %q in it", out, want)
	}
	f("silence add a=b --comment x --time-zone Mars/X", "POST /api/v1/silences map[comment:x for:2h maintenance:false match:[a=b] weekly:map[days:<nil> from: time_zone:Mars/X to:]]")
	f("silence add a=b --comment x", "POST /api/v1/silences map[comment:x for:2h maintenance:false match:[a=b]]")
	fails(t, "oncall swap night mira tomas --at 2027-01-01"+at, exitProblem, "no such shift of mira on night")
	fails(t, "oncall swap night mira tomas --at soon"+at, exitUsage, "is not a time")
	fails(t, "oncall override night mira"+at, exitUsage, "say when it ends")
	fails(t, "oncall override night mira --to 2026-12-24 --for 4h"+at, exitUsage, "not both")
	fails(t, "oncall override night mira --for 1M"+at, exitUsage, "months")
	fails(t, "oncall override night"+at, exitUsage)
	fails(t, "oncall calendar team ops"+at, exitUsage, "not of a team")
}

func TestTimesWithoutAZoneAreOfThisMachine(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	s := span{from: "2026-12-24T09:00", length: "1 day"}
	from, to, err := s.read(now, 0)
	if err != nil || !from.Equal(time.Date(2026, 12, 24, 9, 0, 0, 0, time.Local)) || to.Sub(from) != 24*time.Hour {
		t.Errorf("%s to %s, %v", from, to, err)
	}
	if from, to, err := (&span{}).read(now, time.Hour); err != nil || !from.Equal(now) || to.Sub(from) != time.Hour {
		t.Errorf("%s to %s, %v", from, to, err)
	}
}
