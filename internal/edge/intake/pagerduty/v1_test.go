package pagerduty_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	pd "github.com/PagerDuty/go-pagerduty"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// here sends what is meant for PagerDuty to our server: the client of version 1 cannot be told another address.
type here struct{ host string }

// RoundTrip changes nothing but the host.
func (h here) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "http", h.host
	return http.DefaultTransport.RoundTrip(r)
}

// TestClientOfVersion1 runs PagerDuty's own client of the old API through the life of an alert.
func TestClientOfVersion1(t *testing.T) {
	w := newWorld(t, door.Config{})
	host, _, _ := strings.Cut(strings.TrimPrefix(w.url, "http://"), "/")
	send := func(e pd.Event) *pd.EventResponse {
		t.Helper()
		r, err := pd.CreateEventWithHTTPClient(e, &http.Client{Transport: here{host}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != "success" || r.IncidentKey == "" {
			t.Errorf("%+v", r)
		}
		return r
	}
	down := pd.Event{ServiceKey: "nk_nagios", Type: "trigger", IncidentKey: "disk/db-1", Description: "the disk of db-1 is full", Client: "Nagios", ClientURL: "https://nagios.example",
		Details: map[string]any{"service": "checkout", "host": "db-1", "free": 0}, Contexts: []any{map[string]string{"type": "link", "href": "https://wiki.example/disk", "text": "what to do"}}}
	send(down)
	send(down)
	as := w.firing()
	if len(as) != 1 || as[0].Key != "disk/db-1" || as[0].Title != "the disk of db-1 is full" || as[0].Service != "checkout" || as[0].Severity != detect.SEV2 || as[0].Count != 1 ||
		as[0].URL != "https://nagios.example" || as[0].Labels["client"] != "Nagios" || as[0].Labels["source"] != "db-1" || !strings.Contains(as[0].Annotations["links"], "what to do") || !strings.Contains(as[0].Annotations["custom_details"], `"free"`) {
		t.Fatalf("%+v", as)
	}
	send(pd.Event{ServiceKey: "nk_nagios", Type: "acknowledge", IncidentKey: "disk/db-1"})
	if n := len(w.facts(detect.KindAcked)); n != 1 {
		t.Errorf("%d acknowledgements", n)
	}
	send(pd.Event{ServiceKey: "nk_nagios", Type: "resolve", IncidentKey: "disk/db-1"})
	if as := w.firing(); len(as) != 0 {
		t.Errorf("%+v", as)
	}
	// Without a key every event is an alert of its own, as PagerDuty has it.
	a, b := send(pd.Event{ServiceKey: "nk_nagios", Type: "trigger", Description: "x", Details: map[string]any{"severity": "info"}}), send(pd.Event{ServiceKey: "nk_nagios", Type: "trigger", Description: "x"})
	if a.IncidentKey == b.IncidentKey || len(w.firing()) != 2 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestVersion1SaysWhatIsWrong(t *testing.T) {
	w := newWorld(t, door.Config{Rate: 0.001, Burst: 4})
	post := func(prefix, body string) (int, string) {
		t.Helper()
		resp, err := http.Post(strings.TrimSuffix(w.url, "/pagerduty")+prefix+"/generic/2010-04-15/create_event.json", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		prefix, body string
		want         int
		says         string
	}{
		{"", `{`, 400, "JSON parse error"},
		{"", `{"event_type":"trigger"}`, 400, "'service_key' is missing"},
		{"", `{"service_key":"guess","event_type":"trigger"}`, 400, "'service_key' is not valid"},
		{"", `{"service_key":"nk_a","event_type":"trigger"}`, 400, "'description' is missing"},
		{"/pagerduty", `{"service_key":"nk_a","event_type":"resolve"}`, 400, "'incident_key' is missing"},
		{"", `{"service_key":"nk_a","event_type":"page","description":"x"}`, 400, "'event_type' is not one of"},
		{"/pagerduty", `{"service_key":"nk_a","event_type":"trigger","description":"x","incident_key":"k","details":"text","contexts":[{"type":"image","src":"x"}]}`, 200, `"incident_key":"k"`},
		{"", `{"service_key":"nk_a","event_type":"trigger","description":"x"}`, 403, "too quickly"},
	} {
		if status, said := post(c.prefix, c.body); status != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.body, status, said, c.want, c.says)
		}
	}
}
