package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/detect"
)

// postFor makes a call that must succeed, and returns its answer.
func postFor[T any](c *apptest.Client, path string, body any) (v T) {
	a := c.Call(http.MethodPost, path, body)
	if err := json.Unmarshal(a.Body, &v); err != nil || a.Status/100 != 2 {
		panic(fmt.Sprintf("POST %s: %d %s", path, a.Status, a.Body))
	}
	return v
}

// try asks what would become of a payload.
func try(w *apptest.World, name string, body map[string]any) detect.Trial {
	return postFor[detect.Trial](w.API, "/api/v1/integrations/"+name+"/try", body)
}

// What is tried is what becomes of it: the sample of every format is tried, and then sent.
func TestTrialOfEveryFormatComesTrue(t *testing.T) {
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("payments"), "sns.yaml": "apiVersion: nightkeeper/v1\nkind: Integration\nmetadata: {name: intake}\nspec: {unsigned: true}\n"}, nil)
	token := w.Token("intake")
	formats := apptest.Get[[]struct{ Name, Path, Sample string }](w.API, "/api/v1/formats")
	if len(formats) != 9 {
		t.Errorf("%d formats", len(formats))
	}
	count := func() int { return len(apptest.Get[[]detect.Alert](w.API, "/api/v1/alerts")) }
	for i, f := range formats {
		f.Sample = strings.ReplaceAll(f.Sample, "disk-db-1", f.Name)
		t1 := try(w, "intake", map[string]any{"format": f.Name, "payload": f.Sample})
		if t1.Problem != "" || len(t1.Alerts) != 1 || t1.Alerts[0].Done != detect.DidFire || t1.Alerts[0].Alert.ID != "" {
			t.Errorf("%s: %+v", f.Name, t1)
			continue
		}
		if n := count(); n != i {
			t.Fatalf("%s: trying left %d alerts, want %d", f.Name, n, i)
		}
		path := strings.Replace(f.Path, "TOKEN", token, 1)
		if f.Name == "prometheus" {
			path += "api/v2/alerts"
		}
		if got := send(t, w, path, token, strings.Replace(f.Sample, "TOKEN", token, 1)); got != 200 && got != 202 {
			t.Fatalf("%s answers %d", path, got)
		}
		as := apptest.Get[[]detect.Alert](w.API, "/api/v1/alerts?firing=true")
		a, want := as[len(as)-1], t1.Alerts[0].Alert
		same := a.Key == want.Key && a.Title == want.Title && a.Service == want.Service && a.Severity == want.Severity && a.URL == want.URL && a.GroupKey == want.GroupKey && len(a.Labels) == len(want.Labels)
		for k, v := range want.Labels {
			same = same && a.Labels[k] == v
		}
		if len(as) != i+1 || !same {
			t.Errorf("%s became\n%+v, and the trial said\n%+v", f.Name, a, want)
		}
		// The same alert again is a repetition, and that is said too.
		if t2 := try(w, "intake", map[string]any{"format": f.Name, "payload": f.Sample}); len(t2.Alerts) != 1 || t2.Alerts[0].Done != detect.DidRepeat {
			t.Errorf("%s again: %+v", f.Name, t2)
		}
	}
	// Trying came through no door, and what was sent can be looked at, without its secrets.
	x := apptest.Get[detect.Sender](w.API, "/api/v1/integrations/intake")
	if n := len(x.Taken); n == 0 || n > 9 || len(x.Refused) != 0 || x.Last == nil || x.Token == nil || !x.Declared {
		t.Errorf("%+v", x)
	}
	for _, p := range x.Taken {
		if strings.Contains(p.Body, token) || p.Body == "" {
			t.Errorf("%s is kept as %s", p.Format, p.Body)
		}
	}
}

func TestMappingIsTriedBeforeItIsDeclared(t *testing.T) {
	w := start(t)
	const body = `{"payload":{"items":[{"incident":{"id":17,"what":"shelf is empty","state":"New","how":"sev1"},"where":{"shelves":["left"],"system":"checkout"}}]}}`
	first := try(w, "warehouse", map[string]any{"payload": body})
	if !strings.Contains(first.Problem, `declare an Integration named "warehouse"`) || len(first.Paths) == 0 {
		t.Errorf("%+v", first)
	}
	mapping := map[string]any{"alerts": "payload.items", "key": "incident.id", "title": "incident.what", "severity": "incident.how", "service": "where.system", "status": "incident.status",
		"over": []string{"Fixed"}, "labels": map[string]string{"shelf": "where.shelves.0"}}
	got := try(w, "warehouse", map[string]any{"payload": body, "mapping": mapping})
	if got.Problem != "" || len(got.Alerts) != 1 {
		t.Fatalf("%+v", got)
	}
	a := got.Alerts[0].Alert
	if a.Key != "17" || a.Title != "shelf is empty" || a.Severity != detect.SEV1 || a.Service != "checkout" || a.Labels["shelf"] != "left" || got.Alerts[0].Identity != "warehouse/17" || !strings.Contains(got.Alerts[0].Joins, "of its own") {
		t.Errorf("%+v", got.Alerts[0])
	}
	missing := 0
	for _, f := range got.Fields[0] {
		if f.Missing() {
			missing++
			if f.Name != "status" || f.Path != "incident.status" {
				t.Errorf("%+v", f)
			}
		}
	}
	if missing != 1 || !strings.Contains(got.YAML, "shelf: where.shelves.0") || !strings.Contains(got.YAML, "name: warehouse") {
		t.Errorf("%d missing; %s", missing, got.YAML)
	}
	// What was shown is declared, and the same payload now needs no mapping.
	w2 := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout"), "integration.yaml": got.YAML}, nil)
	again := try(w2, "warehouse", map[string]any{"payload": body})
	if again.Problem != "" || len(again.Alerts) != 1 || again.Alerts[0].Alert.Key != "17" || again.YAML != got.YAML {
		t.Errorf("%+v", again)
	}
	if bad := try(w, "warehouse", map[string]any{"payload": body, "mapping": map[string]any{"over": []string{"x"}}}); !strings.Contains(bad.Problem, "over needs status") {
		t.Errorf("%+v", bad)
	}
	if bad := try(w, "warehouse", map[string]any{"payload": `{"title": `}); !strings.Contains(bad.Problem, "not JSON") {
		t.Errorf("%+v", bad)
	}
	if n := len(apptest.Get[[]detect.Alert](w.API, "/api/v1/alerts")); n != 0 {
		t.Errorf("trying left %d alerts", n)
	}
	if n := len(apptest.Get[[]detect.Sender](w.API, "/api/v1/integrations")); n != 0 {
		t.Errorf("trying left %d integrations", n)
	}
}

func TestRefusedPayloadsCanBeLookedAt(t *testing.T) {
	w := start(t)
	token := w.Token("intake")
	if got := send(t, w, "/intake/webhook/"+token, "", `{"password":"hunter2","x":1}`); got != 400 {
		t.Fatal(got)
	}
	all := apptest.Get[[]detect.Sender](w.API, "/api/v1/integrations")
	if len(all) != 1 || all[0].Name != "intake" || all[0].Format != "webhook" || len(all[0].Refused) != 1 || !strings.Contains(all[0].Refused[0].Refused, "tells what is wrong") || all[0].Refused[0].Body != "" {
		t.Fatalf("%+v", all)
	}
	one := apptest.Get[detect.Sender](w.API, "/api/v1/integrations/intake")
	if b := one.Refused[0].Body; b != `{"password":"[masked]","x":1}` {
		t.Error(b)
	}
}

func TestHeartbeatIsSeenFromOutside(t *testing.T) {
	w := start(t)
	type beat struct {
		Name, State, Alert string
		DueAt              time.Time     `json:"due_at"`
		Misses             []detect.Miss `json:"misses"`
	}
	made := postFor[beat](w.API, "/api/v1/heartbeats", map[string]any{"name": "night backup", "interval": "10s", "grace": "0s", "service": "checkout"})
	if made.State != "waiting" {
		t.Errorf("%+v", made)
	}
	w.API.Await(detect.KindHeartbeatSet, 0)
	if got := postFor[beat](w.API, "/api/v1/heartbeats/night%20backup/ping", nil); got.State != "alive" {
		t.Errorf("%+v", got)
	}
	w.API.Await(detect.KindFired, 0) // nobody pings it again
	list := apptest.Get[[]beat](w.API, "/api/v1/heartbeats")
	if len(list) != 1 || list[0].State != "away" || list[0].Alert == "" {
		t.Fatalf("%+v", list)
	}
	postFor[beat](w.API, "/api/v1/heartbeats/night%20backup/ping", nil)
	one := apptest.Get[beat](w.API, "/api/v1/heartbeats/night%20backup")
	if one.State != "alive" || one.Alert != "" || len(one.Misses) != 1 || string(one.Misses[0].Alert) != list[0].Alert || one.Misses[0].Until.IsZero() {
		t.Errorf("%+v", one)
	}
	w.API.Await(detect.KindNoted, 0)
}
