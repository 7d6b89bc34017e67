package pagerduty

import (
	"testing"
	"time"
	"unicode/utf8"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/catalog"
)

func FuzzEventV1(f *testing.F) {
	for _, s := range []string{
		sampleV1, `{"service_key":"k","event_type":"resolve","incident_key":"i"}`, `{"service_key":"k","event_type":"acknowledge","incident_key":"i","details":[1]}`,
		`{"event_type":"trigger","description":" ","contexts":[{"type":"link","href":"javascript:x"}]}`, `{"details":{"severity":7}}`, `null`,
	} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 11, 27, 3, 6, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseV1(body)
		if err != nil {
			return
		}
		in, err := e.read(&catalog.Catalog{}, now)
		if err != nil {
			return
		}
		if in.Key == "" || len(in.Key) > maxDedupKey || !utf8.ValidString(in.Title) || (in.URL != "" && door.Link(in.URL) == "") || (e.Action == "trigger") == (in.Title == "") {
			t.Errorf("%+v was taken", in)
		}
	})
}

func FuzzEvent(f *testing.F) {
	for _, s := range []string{
		`{"routing_key":"k","event_action":"trigger","dedup_key":"d","payload":{"summary":"s","source":"web-1","severity":"critical","timestamp":"2015-07-17T08:42:58.315+0000","component":"mysql","group":"prod-datapipe","class":"High CPU","custom_details":{"ping time":"1500ms","load avg":0.75}},"images":[{"src":"https://a/b.gif"}],"links":[{"href":"http://p/","text":"x"}],"client":"Sample","client_url":"https://m"}`,
		`{"routing_key":"k","event_action":"acknowledge","dedup_key":"d"}`, `{"routing_key":"k","event_action":"resolve","dedup_key":"d"}`,
		`{"routing_key":"k","payload":{"summary":"Build Success","timestamp":"2020-07-17T08:42:58.315+0000","source":"acme","custom_details":{"build_state":"passed","build_number":"2"}},"links":[{"href":"https://acme","text":"View"}]}`,
		`{"event_action":"trigger","payload":{"summary":" ","source":"s","severity":"CRITICAL","custom_details":[1]}}`, `[]`, `{"payload":7}`,
	} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 11, 27, 3, 6, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parse(body)
		if err != nil {
			return
		}
		if e.Payload != nil {
			e.details()
			e.at()
		}
		in, err := e.incoming(now)
		if err != nil {
			return
		}
		if in.Key == "" || len(in.Key) > maxDedupKey || !utf8.ValidString(in.Title) || in.EndsAt.After(now) || (in.URL != "" && door.Link(in.URL) == "") {
			t.Errorf("%+v was taken", in)
		}
		if e.Action == "trigger" && (in.Title == "" || !in.EndsAt.IsZero()) {
			t.Errorf("%+v was triggered", in)
		}
	})
}
