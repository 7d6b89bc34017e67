package remediate

import (
	"encoding/json"
	"strings"
	"testing"

	"nightkeeper/internal/loop/remediate/script"
)

func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	for raw, want := range map[string]string{
		"http://svc/limit": "http://svc/limit",
		"https://svc:8443/a%20b?service=cart&limit=50&v=2026.11.1#x": "https://svc:8443/a%20b?service=cart&limit=50&v=2026.11.1",
		"https://mira:hunter2@svc/x":                                 "https://svc/x",
		"mira:hunter2@svc/x":                                         "mira:svc/x",
		"http://mira:hun%zzter2@svc/x?token=abc":                     "http://svc/x",
		"https://svc/x?token=abc&n=1":                                "https://svc/x?token=[hidden]&n=1",
		"https://svc/x?n=1&API_KEY=abc":                              "https://svc/x?n=1&API_KEY=[hidden]",
		"https://svc/x?X-Amz-Signature=abc&accessToken=abc":          "https://svc/x?X-Amz-Signature=[hidden]&accessToken=[hidden]",
		"https://svc/x?%74oken=abc":                                  "https://svc/x?%74oken=[hidden]",
		"https://svc/x?a=ghp16C7e42F292c6912E7710c838347Ae178B4a":    "https://svc/x?a=[hidden]",
		"https://svc/x?a=5f4dcc3b5aa765d61d8327deb882cf99":           "https://svc/x?a=[hidden]",
		"https://svc/x?id=3b241101-e2bb-4255-8caf-4136c566a962":      "https://svc/x?id=3b241101-e2bb-4255-8caf-4136c566a962",
		"https://svc/x?monkey=abc&keyboard=de&author=mira":           "https://svc/x?monkey=abc&keyboard=de&author=mira",
		"https://svc/x?deployment=recommendation-api-production":     "https://svc/x?deployment=recommendation-api-production",
		"https://svc/x?token=":                                       "https://svc/x?token=",
		"https://svc/x?reset":                                        "https://svc/x?reset",
	} {
		if got := PlainURL(raw); got != want {
			t.Errorf("%s\n got %s\nwant %s", raw, got, want)
		}
	}
}

func TestStepsAreDescribedInShort(t *testing.T) {
	entry := func(name, args string, r script.Result) script.Entry {
		return script.Entry{Seq: 1, Name: name, Args: json.RawMessage(args), State: script.Done, Result: script.EncodeResult(r)}
	}
	good, long := script.Result{OK: true}, strings.Repeat("ä", 3000)
	for _, c := range []struct {
		entry script.Entry
		want  string
	}{
		{entry("http.put", `{"body":{"rps":50},"url":"http://svc/limit"}`, good), `http.put http://svc/limit {"rps":50}: done`},
		{entry("http.put", `{"body":{"users":[{"name":"mira","password":"hunter2","keys":3}]},"url":"http://mira:hunter2@svc/x?sig=hunter2"}`, good),
			`http.put http://svc/x?sig=[hidden] {"users":[{"keys":3,"name":"mira","password":"[hidden]"}]}: done`},
		{entry("http.put", `{"headers":{"Authorization":"Bearer secret:token"},"url":"http://svc/x"}`, good), `http.put http://svc/x: done`},
		{entry("http.put", `{"body":"`+long+`","url":"http://svc/`+strings.Repeat("x", 500)+`"}`, good),
			`http.put http://svc/` + strings.Repeat("x", maxArg-len("http://svc/")) + `… "` + strings.Repeat("ä", (maxBody-1)/2) + `…: done`},
		{entry("http.get", `{"url":"http://svc/x"}`, script.Result{Error: "it answered 500: " + long}),
			`http.get http://svc/x: failed: it answered 500: ` + strings.Repeat("ä", (maxError-len("it answered 500: "))/2) + `…`},
		{entry(script.Note, `{"text":"`+long+`"}`, good), strings.Repeat("ä", maxText/2) + "…"},
	} {
		if _, got, _ := describe(c.entry); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}
