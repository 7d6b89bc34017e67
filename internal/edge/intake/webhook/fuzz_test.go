package webhook

import (
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// samples are what each system sends, shortened.
var samples = map[string][]string{
	"alertmanager": {
		`{"version":"4","groupKey":"k","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Down"},"annotations":{"summary":"s"},"startsAt":"2026-11-27T02:59:00.1Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g","fingerprint":"a1"}]}`,
		`{"version":"1","state":"ok","alerts":[{"status":"resolved","labels":{"alertname":"x","b":""},"endsAt":"2026-11-27T02:59:00+01:00","values":null}]}`,
	},
	"datadog": {
		`{"id":"1","title":"[Triggered on {host:web-1}] CPU","tags":"a:b,c","alert_cycle_key":"9","alert_transition":"Triggered","alert_priority":"P2"}`,
		`{"title":"[P1] [No Data on {a:b,c:d}] x","id":7}`, `{"title":"[[]]"}`,
	},
	"cloudwatch": {
		`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-central-1:123456789012:a","Message":"{\"AlarmName\":\"n\",\"NewStateValue\":\"OK\",\"StateChangeTime\":\"2026-11-27T02:59:58.123+0000\"}"}`,
		`{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:eu-central-1:123456789012:a","Token":"t","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:123456789012:a&Token=t"}`,
		`{"AlarmName":"n","AlarmArn":"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:n","NewStateValue":"ALARM","Trigger":{"Dimensions":[{"name":"a","value":"b"}]}}`,
	},
	"webhook": {`{"title":"x","labels":{"a":"b"},"state":"ok"}`, `[{"id":1},{"key":"k","tags":{"x":true}}]`, `{"payload":{"items":[{"incident":{"id":[]}}]}}`, `[[]]`, `null`},
}

func FuzzFormats(f *testing.F) {
	for name, bodies := range samples {
		for _, b := range bodies {
			f.Add(name, []byte(b))
		}
	}
	mapped := &catalog.Integration{Alerts: "payload.items", Key: "incident.id", Labels: map[string]string{"x": "a.0.b"}}
	now := time.Date(2026, 11, 27, 3, 6, 0, 0, time.UTC)
	for _, x := range Formats() {
		f.Add(x.Name, []byte(x.Sample))
	}
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		i := slices.IndexFunc(Formats(), func(f detect.Format) bool { return f.Name == name })
		if i < 0 {
			return
		}
		for _, m := range []*catalog.Integration{nil, mapped} {
			got, err := Formats()[i].Read(detect.Sent{Mapping: m, Body: body, Now: now})
			if err != nil {
				if door.StatusOf(err) != 400 {
					t.Errorf("%v is no fault of the sender", err)
				}
				continue
			}
			for _, in := range got.Alerts {
				if in.Key == "" || in.Source == "" || in.EndsAt.After(now) || (in.URL != "" && door.Link(in.URL) == "") {
					t.Errorf("%+v was taken", in)
				}
				if !utf8.ValidString(in.Title) {
					t.Errorf("title %q", in.Title)
				}
			}
		}
	})
}
