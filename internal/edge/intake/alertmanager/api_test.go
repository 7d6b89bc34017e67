package alertmanager_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

type listed struct {
	Labels, Annotations         map[string]string
	StartsAt, EndsAt, UpdatedAt time.Time
	Fingerprint                 string
	GeneratorURL                string
	Receivers                   []struct{ Name string }
	Status                      struct {
		State                            string
		SilencedBy, InhibitedBy, MutedBy []string
	}
}

func (w *world) list(query string) (out []listed) {
	w.t.Helper()
	status, body := w.call("GET", "api/v2/alerts"+query, "s3cret", "")
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
		w.t.Fatalf("%d %s", status, body)
	}
	return out
}

func names(as []listed) string {
	var out []string
	for _, a := range as {
		out = append(out, a.Labels["alertname"]+":"+a.Status.State)
	}
	return strings.Join(out, " ")
}

func TestAlertIsTakenListedAndResolved(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	w := newWorld(t, func(w *world, _ *catalog.Catalog) { w.now = func() time.Time { return now } })
	w.post(`[{"labels":{"alertname":"Down","service":"checkout","empty":""},"annotations":{"summary":"it is down"},"generatorURL":"http://prom/graph"}]`)
	as := w.list("")
	if len(as) != 1 {
		t.Fatalf("%+v", as)
	}
	a := as[0]
	want := model.LabelSet{"alertname": "Down", "service": "checkout"}.Fingerprint().String()
	if a.Fingerprint != want || len(a.Labels) != 2 || !a.StartsAt.Equal(now) || !a.EndsAt.Equal(now.Add(5*time.Minute)) || !a.UpdatedAt.Equal(now) ||
		a.GeneratorURL != "http://prom/graph" || a.Receivers[0].Name != "shop" || a.Status.State != "active" || a.Status.SilencedBy == nil {
		t.Errorf("%+v, fingerprint %s", a, want)
	}
	now = now.Add(time.Minute)
	w.post(fmt.Sprintf(`[{"labels":{"alertname":"Down","service":"checkout"},"startsAt":"2026-11-27T03:00:00Z","endsAt":%q}]`, now.Add(-time.Second).Format(time.RFC3339Nano)))
	if as := w.firing(); len(as) != 0 {
		t.Errorf("its end is past, and it still fires: %+v", as)
	}
}

func TestGoodAlertsOfABatchAreKept(t *testing.T) {
	w := newWorld(t, nil)
	long := strings.Repeat("x", 9<<10)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf(`"l%d":"v"`, i))
	}
	body := `[{"labels":{}},{"labels":{"alertname":"Good"}},{"labels":{"alertname":"Back"},"startsAt":"2026-11-27T03:00:00Z","endsAt":"2026-11-27T02:00:00Z"},
		{"labels":{"alertname":"` + long + `"}},{"labels":{` + strings.Join(many, ",") + `}},{"labels":{"alertname":"Also"}},{"annotations":{"a":"b"}}]`
	status, said := w.call("POST", "api/v2/alerts", "s3cret", body)
	if status != 400 {
		t.Fatalf("%d %s", status, said)
	}
	for _, want := range []string{"at least one label pair required", "start time must be before end time", "longer than 8192 bytes", "has 200 labels"} {
		if !strings.Contains(said, want) {
			t.Errorf("the answer does not say %q: %s", want, said)
		}
	}
	if got := len(w.firing()); got != 2 {
		t.Errorf("%d good alerts were kept, want 2", got)
	}
}

func TestNothingIsLostWhenTheStoreIsAway(t *testing.T) {
	w := newWorld(t, nil)
	w.broken.Store(true)
	if status, said := w.call("POST", "api/v2/alerts", "s3cret", `[{"labels":{"alertname":"Down"}}]`); status != 503 {
		t.Errorf("%d %s: clients try a 503 again", status, said)
	}
	if status, _ := w.call("GET", "-/ready", "", ""); status != 503 {
		t.Errorf("ready answers %d", status)
	}
	w.broken.Store(false)
	for _, path := range []string{"-/ready", "-/healthy"} {
		if status, _ := w.call("GET", path, "", ""); status != 200 {
			t.Errorf("%s answers %d", path, status)
		}
		if status, _ := w.call("HEAD", path, "", ""); status != 200 {
			t.Errorf("HEAD %s answers %d", path, status)
		}
	}
	if status, said := w.call("POST", "-/reload", "", ""); status != 501 || !strings.Contains(said, "SIGHUP") {
		t.Errorf("reload answers %d %s", status, said)
	}
}

func TestTooMuchIs503AndNever429(t *testing.T) {
	w := newWorld(t, func(w *world, _ *catalog.Catalog) { w.limits.Rate, w.limits.Burst, w.limits.MaxBatch = 1, 2, 3 })
	three := `[{"labels":{"a":"1"}},{"labels":{"a":"2"}},{"labels":{"a":"3"}}]`
	if status, said := w.call("POST", "api/v2/alerts", "s3cret", three); status != 503 {
		t.Errorf("%d %s", status, said)
	}
	if status, said := w.call("POST", "api/v2/alerts", "s3cret", strings.Replace(three, "[", `[{"labels":{"a":"0"}},`, 1)); status != 413 {
		t.Errorf("a batch that is too large: %d %s", status, said)
	}
	if got := len(w.firing()); got != 0 {
		t.Errorf("%d alerts of refused requests were kept", got)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	w := newWorld(t, nil)
	f := func(method, path, secret, body string, want int) {
		t.Helper()
		if status, said := w.call(method, "api/v2/"+path, secret, body); status != want {
			t.Errorf("%s %s with %q: %d %s, want %d", method, path, secret, status, said, want)
		}
	}
	f("POST", "alerts", "", "[]", 401)
	f("POST", "alerts", "guess", "[]", 401)
	f("POST", "alerts", "reader", "[]", 403)
	f("POST", "alerts", "s3cret", "[]", 200)
	f("POST", "alerts", "s3cret", "{", 400)
	f("POST", "alerts", "s3cret", `[{"labels":{"a":"b"},"startsAt":"yesterday"}]`, 400)
	f("GET", "alerts", "", "", 401)
	f("GET", "alerts", "s3cret", "", 200)
	f("POST", "silences", "s3cret", "{}", 403)
	f("DELETE", "silence/8fbb2d3e-95a1-4f1a-9e9c-1d7a0c4d1b11", "s3cret", "", 403)
	f("POST", "silences", "am", "{}", 422)
	f("POST", "silences", "am", "[", 400)
	f("GET", "silence/nonsense", "am", "", 422)
	f("GET", "silence/8fbb2d3e-95a1-4f1a-9e9c-1d7a0c4d1b11", "am", "", 404)
	f("DELETE", "silence/8fbb2d3e-95a1-4f1a-9e9c-1d7a0c4d1b11", "am", "", 404)
	f("GET", "alerts?filter=%7B%7B", "am", "", 400)
	f("GET", "alerts?receiver=%28", "am", "", 400)
	f("GET", "silences?filter=%7B%7B", "am", "", 400)
	f("GET", "nothing", "am", "", 404)
}

func TestFiltersAndStates(t *testing.T) {
	w := newWorld(t, func(_ *world, c *catalog.Catalog) {
		inh := &catalog.Inhibition{Source: []string{`alertname="Rack"`}, Target: []string{`alertname="Host"`}}
		inh.SourceMatchers, _ = catalog.ParseMatchers(inh.Source)
		inh.TargetMatchers, _ = catalog.ParseMatchers(inh.Target)
		c.Inhibitions = map[string]*catalog.Inhibition{"rack": inh}
	})
	w.post(`[{"labels":{"alertname":"Rack"}},{"labels":{"alertname":"Host"}},{"labels":{"alertname":"Quiet","service":"checkout"}},{"labels":{"alertname":"Loud","service":"checkout"}}]`)
	id := w.silence(`[{"name":"alertname","value":"Qu.et","isRegex":true}]`, w.now(), w.now().Add(time.Hour))
	f := func(query, want string) {
		t.Helper()
		var got []string
		for _, a := range w.list(query) {
			got = append(got, a.Labels["alertname"])
		}
		for _, name := range []string{"Rack", "Host", "Quiet", "Loud"} {
			if in := strings.Contains(strings.Join(got, " "), name); in != strings.Contains(want, name) {
				t.Errorf("%s: %v, want %s", query, got, want)
			}
		}
	}
	f("", "Rack Host Quiet Loud")
	f("?active=false", "Host Quiet")
	f("?silenced=false", "Rack Host Loud")
	f("?inhibited=false", "Rack Quiet Loud")
	f("?filter=service%3D%22checkout%22", "Quiet Loud")
	f("?filter=service%3D%22checkout%22&filter=alertname!~%22L.*%22", "Quiet")
	f("?filter=service!%3D%22%22", "Quiet Loud")
	f("?filter=service%3D%22%22", "Rack Host")
	f("?receiver=sh.p", "Quiet Loud")
	f("?receiver=sho", "")
	for _, a := range w.list("?active=false") {
		s := a.Status
		switch {
		case s.State != "suppressed":
			t.Errorf("%+v", a)
		case a.Labels["alertname"] == "Quiet" && (len(s.SilencedBy) != 1 || s.SilencedBy[0] != id):
			t.Errorf("silenced by %v, want %s", s.SilencedBy, id)
		case a.Labels["alertname"] == "Host" && (len(s.InhibitedBy) != 1 || s.InhibitedBy[0] != model.LabelSet{"alertname": "Rack"}.Fingerprint().String()):
			t.Errorf("inhibited by %v", s.InhibitedBy)
		}
	}
	status, body := w.call("GET", "api/v2/alerts/groups?silenced=false", "s3cret", "")
	var groups []struct {
		Labels, RouteLabels map[string]string
		Receiver            struct{ Name string }
		Alerts              []listed
	}
	if err := json.Unmarshal([]byte(body), &groups); err != nil || status != 200 || len(groups) != 3 || groups[0].RouteLabels == nil || groups[0].Receiver.Name == "" {
		t.Fatalf("%d %s", status, body)
	}
}

func TestSilencesAreMadeChangedAndEnded(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	w := newWorld(t, func(w *world, _ *catalog.Catalog) { w.now = func() time.Time { return now } })
	id := w.silence(`[{"name":"a","value":"b"},{"name":"c","value":"d","isEqual":false}]`, now.Add(-time.Hour), now.Add(time.Hour))
	get := func(id string) (out struct {
		ID, CreatedBy, Comment      string
		StartsAt, EndsAt, UpdatedAt time.Time
		Matchers                    []map[string]any
		Status                      struct{ State string }
	}) {
		t.Helper()
		status, body := w.call("GET", "api/v2/silence/"+id, "am", "")
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		return out
	}
	x := get(id)
	if x.ID != id || !x.StartsAt.Equal(now) || x.Status.State != "active" || x.CreatedBy != "mira" || fmt.Sprint(x.Matchers) !=
		"[map[isEqual:true isRegex:false name:a value:b] map[isEqual:false isRegex:false name:c value:d]]" {
		t.Errorf("%+v", x)
	}
	change := func(id, matchers string, from, to time.Time) (int, string) {
		return w.call("POST", "api/v2/silences", "am", fmt.Sprintf(`{"id":%q,"matchers":%s,"startsAt":%q,"endsAt":%q,"createdBy":"jon","comment":"longer"}`,
			id, matchers, from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano)))
	}
	same := `[{"name":"a","value":"b"},{"name":"c","value":"d","isEqual":false,"isRegex":false}]`
	now = now.Add(time.Minute)
	if status, said := change(id, same, x.StartsAt, now.Add(2*time.Hour)); status != 200 || !strings.Contains(said, id) {
		t.Errorf("longer: %d %s", status, said)
	}
	status, said := change(id, `[{"name":"a","value":"z"}]`, x.StartsAt, now.Add(2*time.Hour))
	if status != 200 || strings.Contains(said, id) || get(id).Status.State != "expired" {
		t.Errorf("other matchers are another silence: %d %s, the first is %s", status, said, get(id).Status.State)
	}
	if status, said := change("8fbb2d3e-95a1-4f1a-9e9c-1d7a0c4d1b11", same, now, now.Add(time.Hour)); status != 404 {
		t.Errorf("an id that nobody knows: %d %s", status, said)
	}
	for body, want := range map[string]string{
		`{"matchers":[{"name":"a","value":"b"}],"startsAt":"2026-11-27T05:00:00Z","endsAt":"2026-11-27T04:00:00Z","createdBy":"m","comment":"c"}`:                 "start time must be before end time",
		`{"matchers":[{"name":"a","value":"b"}],"startsAt":"2026-11-26T05:00:00Z","endsAt":"2026-11-26T06:00:00Z","createdBy":"m","comment":"c"}`:                 "end time can't be in the past",
		`{"matchers":[{"name":"a","value":".*","isRegex":true}],"startsAt":"2026-11-27T05:00:00Z","endsAt":"2026-11-27T06:00:00Z","createdBy":"m","comment":"c"}`: "invalid silence",
		`{"matchers":[{"name":"a","value":"(","isRegex":true}],"startsAt":"2026-11-27T05:00:00Z","endsAt":"2026-11-27T06:00:00Z","createdBy":"m","comment":"c"}`:  "invalid label matcher",
	} {
		if status, said := w.call("POST", "api/v2/silences", "am", body); status != 400 || !strings.Contains(said, want) {
			t.Errorf("%d %s, want %s", status, said, want)
		}
	}
	if status, said := w.call("DELETE", "api/v2/silence/"+id, "am", ""); status != 500 || !strings.Contains(said, "already expired") {
		t.Errorf("ending one that is over: %d %s", status, said)
	}
	later := w.silence(`[{"name":"p","value":"q"}]`, now.Add(time.Hour), now.Add(2*time.Hour))
	states := func(query string) string {
		_, body := w.call("GET", "api/v2/silences"+query, "am", "")
		var out []struct{ Status struct{ State string } }
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, x := range out {
			all = append(all, x.Status.State)
		}
		return strings.Join(all, " ")
	}
	if got := states(""); got != "active pending expired" {
		t.Errorf("in the order of states: %s", got)
	}
	if got := states("?expired=false&active=0"); got != "pending" {
		t.Errorf("only pending: %s", got)
	}
	if got := states("?filter=p%3D%22q%22"); got != "pending" {
		t.Errorf("by matcher: %s", got)
	}
	if status, said := w.call("DELETE", "api/v2/silence/"+later, "am", ""); status != 200 || said != "" || get(later).Status.State != "expired" {
		t.Errorf("%d %s", status, said)
	}
}

func TestStatusAndReceivers(t *testing.T) {
	w := newWorld(t, nil)
	_, body := w.call("GET", "api/v2/status", "s3cret", "")
	var s struct {
		Cluster struct {
			Status string
			Peers  []string
		}
		Config      struct{ Original string }
		Uptime      time.Time
		VersionInfo map[string]string
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.Cluster.Status != "disabled" || s.Cluster.Peers == nil || s.Uptime.IsZero() ||
		s.VersionInfo["version"] == "" || !strings.Contains(s.Config.Original, "- name: shop\n") {
		t.Errorf("%s: %v", body, err)
	}
	if _, body := w.call("GET", "api/v2/receivers", "s3cret", ""); body != `[{"name":"default","labels":{}},{"name":"shop","labels":{}},{"name":"nobody","labels":{}}]` {
		t.Error(body)
	}
	if status, body := w.call("GET", "api/v2/receivers?receiver_matchers=team%3D%22a%22", "s3cret", ""); status != http.StatusOK || body != "[]" {
		t.Errorf("%d %s", status, body)
	}
}

func TestAlertsOfOurOwnAreListed(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.detect.Receive(t.Context(), []detect.Incoming{{Source: "heartbeat", Integration: "x", Key: "k", Title: "no label at all"}}, w.now())
	if err != nil {
		t.Fatal(err)
	}
	if got := names(w.list("")); got != ":active" {
		t.Error(got)
	}
}
