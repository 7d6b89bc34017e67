package opsgenie

import (
	"encoding/json"
	"errors"
	"testing"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func FuzzAlert(f *testing.F) {
	for _, s := range []string{
		`{"message":"An example alert message","alias":"Life is too short for no alias","description":"Every alert needs a description","responders":[{"id":"4513b7ea","type":"team"}],"visibleTo":[],"actions":["Restart"],"tags":["OverwriteQuietHours","a:b"],"details":{"key1":"value1"},"entity":"An example entity","priority":"P1"}`,
		`{"message":" "}`, `{"message":"m","tags":[":",""],"details":{"":""}}`, `[]`, `{"details":[]}`, `{"message":"m","priority":"p1"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p posted
		if json.Unmarshal(body, &p) != nil {
			return
		}
		in, err := p.incoming("scripts", &catalog.Catalog{})
		var fields unprocessable
		switch {
		case err != nil && !errors.As(err, &fields) && !errs.Is(err, errs.Invalid):
			t.Errorf("%v is no fault of the sender", err)
		case err == nil && (in.Key == "" || in.Title == "" || in.Severity == ""):
			t.Errorf("%+v was taken", in)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"status: open", `status=closed AND alias:"a b"`, "priority:P1 and acknowledged: false", "", "teams:x", "status:", `"`, "NOT (status:open OR priority:(P1 OR P2)) disk* details.host!=db-1", "createdAt>=31-12-2026 AND count<3", "((((", "status:()", "not"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := queryOf(query)
		if err == nil {
			l := listed{Status: "open", Tags: []string{"disk"}, Details: map[string]string{"host": "db-1"}}
			if q.is(l) && q.state == detect.Resolved {
				t.Errorf("%q finds what the store would not", query)
			}
		} else if !errs.Is(err, errs.Invalid) {
			t.Error(err)
		}
	})
}
