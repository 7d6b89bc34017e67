package mask_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"nightkeeper/internal/kit/mask"
)

func TestSecretsOfPayloadsAreHidden(t *testing.T) {
	for in, want := range map[string]string{
		`{"title": "disk", "password": "hunter2", "n": 1.50}`:                             `{"title": "disk", "password": "[masked]", "n": 1.50}`,
		`{"db_password":"a\"b\\","Authorization":"x","key":"k-1","dedup_key":"d"}`:        `{"db_password":"[masked]","Authorization":"[masked]","key":"k-1","dedup_key":"d"}`,
		`{"credentials":{"user":"u","pin":1234,"list":["a",true,null]},"after":"kept"}`:   `{"credentials":{"user":"[masked]","pin":"[masked]","list":["[masked]","[masked]",null]},"after":"kept"}`,
		`{"routing_key":"R123","labels":{"api_key":"A","tokenizer":"bert","job":"auth"}}`: `{"routing_key":"[masked]","labels":{"api_key":"[masked]","tokenizer":"bert","job":"auth"}}`,
		`{"url":"https://u:pw@host/x?token=abc&a=1"}`:                                     `{"url":"https://u:[masked]@host/x?token=[masked]&a=1"}`,
		`[{"text":"Bearer abcdefghijkl and nk_0123456789abcdefgh"}]`:                      `[{"text":"Bearer [masked] and [masked]"}]`,
		`{"Message":"{\"AlarmName\":\"n\",\"secret\":\"s\"}"}`:                            `{"Message":"{\"AlarmName\":\"n\",\"secret\":\"[masked]\"}"}`,
		"password=hunter2 level=error":                                                    "password=[masked] level=error",
		`{"broken": "x", "api_key": "abc"`:                                                `{"broken": "x", "api_key": "[masked]"`,
		`{"token":"","session":null,"html":"<b> & é"}`:                                    `{"token":"","session":null,"html":"<b> & é"}`,
		"":   "",
		`42`: `42`,
	} {
		if got := mask.Payload([]byte(in)); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzPayload(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, `{"password":"x\\\"","b":[1,"\u0000",{"token":{"x":[]}}]}`, "a=b&token=c", `"eyJhbGciOiJI.eyJzdWIiOiI.x"`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := mask.Payload(body)
		if !json.Valid(body) {
			if !utf8.ValidString(got) {
				t.Errorf("%q became %q, which is no text", body, got)
			}
			return
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%q became %q, which is not JSON", body, got)
		}
		secret := "hunter2-of-the-test"
		b, err := json.Marshal(map[string]any{"x": json.RawMessage(body), "password": map[string]any{"deep": secret}})
		if err != nil {
			t.Skip()
		}
		if strings.Contains(mask.Payload(b), secret) && !strings.Contains(string(body), secret) {
			t.Errorf("%q shows the secret", b)
		}
	})
}
